// What a flow or a deep descent minimises: C(A) with gradient G = ∇C(A).
//
// The plain mean squared error of two layers has a faster path of its own in descent
// (objective.hpp); here are the same with an input covariance Σ, C = ½ tr((A − T)Σ(A −
// T)ᵀ), or with a mask M of observed entries, C = ½‖M∘(A − T)‖², and the interface for
// any other.
#pragma once

#include "linflow/types.hpp"

#include <memory>
#include <optional>
#include <stdexcept>

namespace linflow {

// A user's function failed; the caller knows how.
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Scalar> class Cost {
public:
  Cost() = default;
  Cost(const Cost&) = delete;
  Cost& operator=(const Cost&) = delete;
  virtual ~Cost() = default;

  [[nodiscard]] virtual Index d_out() const = 0;
  [[nodiscard]] virtual Index d_in() const = 0;
  virtual void gradient(const Matrix<Scalar>& A, Matrix<Scalar>& G) = 0;
  // Train error as users see it (theory §1) and test error; G is the gradient at A.
  virtual Errors errors(const Matrix<Scalar>& A, const Matrix<Scalar>& G) = 0;
  // Largest curvature of C as a function of A; NaN when it is not known.
  [[nodiscard]] virtual double curvature() const { return kNaN; }
  // √(2C) at A, and at A = 0: the size of what is left and of what there is to learn.
  // NaN when the cost is not known to be a square.
  virtual double residual_size(const Matrix<Scalar>& /*A*/,
                               const Matrix<Scalar>& /*G*/) {
    return kNaN;
  }
  [[nodiscard]] virtual double target_size() { return kNaN; }
};

template <class S> class TargetBasis; // riccati.hpp

template <class Scalar> struct QuadraticData {
  Matrix<Scalar> target;
  std::optional<Matrix<Scalar>> truth;
  std::optional<Matrix<Scalar>> covariance;     // Σ, d_in×d_in
  std::optional<Matrix<Scalar>> mask;           // ones and zeros
  double curvature = 1.0;                       // largest eigenvalue of Σ
  std::shared_ptr<TargetBasis<Scalar>> basis{}; // of the target, where runs share it
};

template <class Scalar> class QuadraticCost final : public Cost<Scalar> {
public:
  explicit QuadraticCost(QuadraticData<Scalar> data);

  [[nodiscard]] Index d_out() const override { return data_.target.rows(); }
  [[nodiscard]] Index d_in() const override { return data_.target.cols(); }
  void gradient(const Matrix<Scalar>& A, Matrix<Scalar>& G) override;
  Errors errors(const Matrix<Scalar>& A, const Matrix<Scalar>& G) override;
  // Of the plain cost, without a gradient.
  [[nodiscard]] Errors errors(const ConstBlock<Scalar>& A) const;
  [[nodiscard]] double curvature() const override { return data_.curvature; }
  [[nodiscard]] const Matrix<Scalar>& target() const { return data_.target; }
  [[nodiscard]] const QuadraticData<Scalar>& data() const { return data_; }
  // C = ½‖A − T‖², without covariance and mask.
  [[nodiscard]] bool plain() const { return !data_.covariance && !data_.mask; }
  double residual_size(const Matrix<Scalar>& A, const Matrix<Scalar>& G) override;
  [[nodiscard]] double target_size() override { return target_size_; }

private:
  // 2C(A) = ⟨A − T, G⟩, column by column in float64.
  [[nodiscard]] double twice(const Matrix<Scalar>& A, const Matrix<Scalar>& G) const;

  QuadraticData<Scalar> data_;
  Matrix<Scalar> residual_;
  double observed_ = 0.0; // number of entries that count
  double target_size_ = 0.0;
};

} // namespace linflow
