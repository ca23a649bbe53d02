// What is to be learned: the mean squared error to a target, with or without a truth.
//
// C(A) = ½‖A − T‖_F² with gradient G = A − T. Errors are normalised as in theory §1:
// train ‖A − T‖²/(d_out d_in), test ‖A − A*‖²/(d_out d_in). The truth A* is kept as the
// noise E = T − A*, because A − A* = G + E needs no second look at A.
#pragma once

#include "linflow/types.hpp"

#include <optional>
#include <stdexcept>
#include <utility>

namespace linflow {

template <class Scalar> class Objective {
public:
  explicit Objective(Matrix<Scalar> target,
                     std::optional<Matrix<Scalar>> noise = std::nullopt)
      : target_(std::move(target)), noise_(std::move(noise)),
        small_(1e-3 * static_cast<double>(target_.norm())) {
    if (noise_ &&
        (noise_->rows() != target_.rows() || noise_->cols() != target_.cols())) {
      throw std::invalid_argument("objective: noise and target must have one shape");
    }
  }

  [[nodiscard]] const Matrix<Scalar>& target() const { return target_; }
  [[nodiscard]] const Matrix<Scalar>& noise() const { return *noise_; } // has_truth()
  [[nodiscard]] bool has_truth() const { return noise_.has_value(); }
  [[nodiscard]] Index d_out() const { return target_.rows(); }
  [[nodiscard]] Index d_in() const { return target_.cols(); }

  // Errors from the residual G = A − T, column by column: one pass, and in float32 the
  // long sum is still taken in float64.
  [[nodiscard]] Errors errors(const Matrix<Scalar>& residual) const {
    double train = 0.0;
    double test = 0.0;
    for (Index j = 0; j < residual.cols(); ++j) {
      train += static_cast<double>(residual.col(j).squaredNorm());
      if (noise_) {
        test += static_cast<double>((residual.col(j) + noise_->col(j)).squaredNorm());
      }
    }
    const auto size = static_cast<double>(target_.size());
    return {train / size, noise_ ? test / size : kNaN};
  }

  // Whether A is so small beside the target that, made as G + T, it has lost too many
  // of its digits.
  [[nodiscard]] bool drowns(const Matrix<Scalar>& A) const {
    return static_cast<double>(A.norm()) < small_;
  }

private:
  Matrix<Scalar> target_;
  std::optional<Matrix<Scalar>> noise_;
  double small_; // see drowns()
};

} // namespace linflow
