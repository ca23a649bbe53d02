// The self-consistent dynamics of [TAJ] eq. (1), stepped by the Euler rule as
// published:
//     A ← A − η (C2 G + G C1),  C1 = sqrt(AᵀA + κ²I),  C2 = sqrt(AAᵀ + κ²I),  G = A −
//     T.
// The terms ∓λ/2 of unequal variances cancel in C2 G + G C1, so κ is the only
// parameter; κ = 0 gives the balanced dynamics.
//
// One symmetric eigendecomposition of the smaller Gram matrix serves both roots,
// because
//     C2 = κI + A h(AᵀA) Aᵀ,  h(s²) = 1/(sqrt(s² + κ²) + κ),
// has no cancellation at any κ (C1 alike). At κ = 0 and s = 0, h is infinite but always
// stands between two factors s: s²h ≤ s, so that h = 0 is right there.
#pragma once

#include "linflow/dynamics.hpp"

#include "linflow/linear_algebra.hpp"

namespace linflow {

template <class Scalar> class SelfConsistent final : public Dynamics<Scalar> {
public:
  SelfConsistent(Index d_out, Index d_in);

  void begin(const Objective<Scalar>& objective, double step_size, double kappa);
  // A, to be filled by the caller between begin() and measure().
  [[nodiscard]] Matrix<Scalar>& A() { return A_; }

  Errors measure() override;
  void advance() override;
  void product(Matrix<Scalar>& out) const override { out = A_; }

private:
  void advance_tall();
  void advance_wide();

  const Objective<Scalar>* objective_ = nullptr;
  double step_size_ = 0.0;
  double kappa_ = 0.0;
  bool wide_ = false; // d_out < d_in: decompose AAᵀ instead of AᵀA
  Matrix<Scalar> A_;
  Matrix<Scalar> residual_;
  Matrix<Scalar> gram_;
  Matrix<Scalar> modes_;   // M = A V, or Aᵀ U
  Matrix<Scalar> overlap_; // h MᵀG, or G M h
  Matrix<Scalar> pulled_;  // G V root, or Gᵀ U root
  Vector<Scalar> root_;    // s²h = sqrt(s² + κ²) − κ
  Vector<Scalar> inverse_; // h
  SymmetricEigen<Scalar> solver_;
};

} // namespace linflow
