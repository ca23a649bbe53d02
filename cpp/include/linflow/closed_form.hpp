// The closed forms of the flow as solutions at any time, all through the one propagator
// of riccati.hpp: exact where the start meets the two-level condition, the Riccati
// closure where it does not, and the self-consistent formula from A(0) alone (theory
// §4).
#pragma once

#include "linflow/dynamics.hpp"
#include "linflow/riccati_start.hpp"

#include <memory>

namespace linflow {

// Factor of the self-consistent start: C1 = −λ/2 + sqrt(AᵀA + κ²), C2 = λ/2 + sqrt(AAᵀ
// + κ²), κ² = μ + λ²/4, from A(0). Per singular pair the block [[C1, s], [s, C2]] is
// factorised as [a, 0; s/a, sqrt(μ)/a], so that Y Xᵀ gives A back without cancellation
// however large κ is.
template <class Scalar> struct Factors {
  Matrix<Scalar> X; // d_in × (d_in + d_out)
  Matrix<Scalar> Y; // d_out × (d_in + d_out)
};
template <class Scalar>
Factors<Scalar> self_consistent_factors(const Matrix<Scalar>& A, double lam, double mu);

template <class Scalar> class ClosedForm final : public Solution<Scalar> {
public:
  // The Riccati flow of the task from X = W1ᵀ, Y = W2. One `flow` serves all starts of
  // a task with the same λ and μ.
  ClosedForm(std::shared_ptr<const Riccati<Scalar>> flow,
             const Matrix<Scalar>& X,
             const Matrix<Scalar>& Y)
      : start_(std::move(flow), X, Y) {}

  [[nodiscard]] std::unique_ptr<typename Solution<Scalar>::Evaluator>
  evaluator() const override;
  [[nodiscard]] const Matrix<Scalar>& left() const override {
    return start_.flow().U();
  }
  [[nodiscard]] const Matrix<Scalar>& right() const override {
    return start_.flow().V();
  }
  [[nodiscard]] const RiccatiStart<Scalar>& start() const { return start_; }

private:
  RiccatiStart<Scalar> start_;
};

} // namespace linflow
