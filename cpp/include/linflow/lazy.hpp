// The lazy (linearised, neural-tangent-kernel) dynamics: C1 and C2 stay what they were,
//     G(t) = e^{−C2 t} G(0) e^{−C1 t},  A = T + G                     (theory §6)
// and, stepped with η like gradient descent, G ← G − η (C2 G + G C1), whose modes
// shrink by the factor 1 − η (c2 + c1) per step. Two symmetric eigendecompositions
// serve all times; in their frames one time costs no product at all.
#pragma once

#include "linflow/dynamics.hpp"

namespace linflow {

template <class Scalar> class Lazy final : public Solution<Scalar> {
public:
  // From X = W1ᵀ and Y = W2. step_size 0: the flow; else descent with that step, looked
  // at on the times η·step.
  Lazy(const Objective<Scalar>& objective,
       const Matrix<Scalar>& X,
       const Matrix<Scalar>& Y,
       double step_size = 0.0);

  [[nodiscard]] std::unique_ptr<typename Solution<Scalar>::Evaluator>
  evaluator() const override;
  [[nodiscard]] const Matrix<Scalar>& left() const override { return left_; }
  [[nodiscard]] const Matrix<Scalar>& right() const override { return right_; }

private:
  class Evaluator;

  Matrix<Scalar> target_;  // leftᵀ T right
  Matrix<Scalar> left_;    // eigenvectors of C2
  Matrix<Scalar> right_;   // eigenvectors of C1
  Vector<Scalar> left_c_;  // eigenvalues of C2
  Vector<Scalar> right_c_; // eigenvalues of C1
  Matrix<Scalar> start_;   // leftᵀ A(0) right
  double step_size_;
};

} // namespace linflow
