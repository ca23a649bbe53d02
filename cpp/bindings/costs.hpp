// Costs that a user's Python functions give.
#pragma once

#include "bindings.hpp"

#include "linflow/cost.hpp"

#include <string>

namespace linflow::bindings {

// Calls gradient(A) and, where there is one, cost(A). The core runs without the GIL; it
// is taken back for each call. What a function raises is kept for the caller, and the
// core is told by a UserError, so that nothing computed is lost.
template <class Scalar> class UserCost final : public Cost<Scalar> {
public:
  UserCost(Index d_out,
           Index d_in,
           py::object gradient,
           py::object cost,
           std::optional<Matrix<Scalar>> truth)
      : d_out_(d_out), d_in_(d_in), gradient_(std::move(gradient)),
        cost_(std::move(cost)), truth_(std::move(truth)) {}

  [[nodiscard]] Index d_out() const override { return d_out_; }
  [[nodiscard]] Index d_in() const override { return d_in_; }

  void gradient(const Matrix<Scalar>& A, Matrix<Scalar>& G) override {
    guarded([&] {
      using Array = py::array_t<Scalar, py::array::f_style | py::array::forcecast>;
      const py::object value = gradient_(A);
      if (const auto given = py::array::ensure(value);
          given && given.dtype().kind() == 'c') {
        throw py::value_error("gradient must return real numbers, not complex ones");
      }
      const auto array = py::cast<Array>(value);
      if (array.ndim() != 2 || array.shape(0) != d_out_ || array.shape(1) != d_in_) {
        throw py::value_error("gradient must return an array of shape (" +
                              std::to_string(d_out_) + ", " + std::to_string(d_in_) +
                              "), not " + shape_of(array));
      }
      G = Eigen::Map<const Matrix<Scalar>>(array.data(), d_out_, d_in_);
    });
  }

  // C(A)/C(0), or C(A) where C(0) is zero or not finite; NaN without a cost.
  Errors errors(const Matrix<Scalar>& A, const Matrix<Scalar>& /*G*/) override {
    Errors out;
    if (!cost_.is_none()) {
      guarded([&] {
        if (std::isnan(unit_)) {
          const Matrix<Scalar> zero = Matrix<Scalar>::Zero(d_out_, d_in_);
          const auto value = py::cast<double>(py::float_(cost_(zero)));
          unit_ = std::isfinite(value) && value != 0.0 ? value : 1.0;
        }
        out.train = py::cast<double>(py::float_(cost_(A))) / unit_;
      });
    }
    if (truth_) {
      out.test = static_cast<double>((A - *truth_).squaredNorm()) /
                 static_cast<double>(A.size());
    }
    return out;
  }

  [[nodiscard]] const std::optional<py::object>& raised() const { return raised_; }

private:
  static std::string shape_of(const py::array& array) {
    return py::cast<std::string>(py::str(array.attr("shape")));
  }

  template <class Call> void guarded(Call&& call) {
    const py::gil_scoped_acquire gil;
    try {
      call();
    } catch (py::error_already_set& error) {
      raised_ = error.value();
    } catch (const py::builtin_exception& error) {
      raised_ = py::module_::import("builtins").attr("ValueError")(error.what());
    }
    if (raised_) {
      throw UserError("a user's cost raised");
    }
  }

  Index d_out_;
  Index d_in_;
  py::object gradient_;
  py::object cost_;
  std::optional<Matrix<Scalar>> truth_;
  double unit_ = kNaN;
  std::optional<py::object> raised_;
};

} // namespace linflow::bindings
