// Exponential time differencing of the flow in Gram form, of order 4 with an embedded
// estimate of order 3 (Cox and Matthews 2002, eqs. 26 to 29; the estimate: Krogstad
// 2005).
//
// In a basis of the target's leading singular vectors C1 and C2 are all but diagonal,
// from the start in a wide network and once modes are learned in any: Ȧ = −(C2G + GC1)
// is
//     Ġ = −Λ∘G + N,   Λ_ij = (C2)_ii + (C1)_jj at the start of the step,
// where N is small and slow. The first part, which holds the stiffness of learned modes
// and all of lazy learning, is exact, so that steps are as long as N allows. C1 and C2
// are not stiff: for them the method is the classical one of Runge and Kutta.
//
// Dense output of order 3: the same weights with the integrals to θh.
#pragma once

#include "linflow/gram.hpp"
#include "linflow/integrators/system.hpp"
#include "linflow/nodes.hpp"

namespace linflow {

// φ_k(z) = Σ z^n/(n + k)!, k = 0, …, 3, for z ≤ 0.
template <class Scalar> struct PhiFunctions {
  using Column = Eigen::Array<Scalar, Eigen::Dynamic, 1>;
  void compute(const Column& z);
  Column phi0, phi1, phi2, phi3;

private:
  Column clipped_, inverse_;
};

template <class Scalar> class ExponentialMethod final : public Method<Scalar> {
public:
  explicit ExponentialMethod(const GramFlow<Scalar>& flow);

  [[nodiscard]] std::string_view name() const override { return "etdrk4"; }
  [[nodiscard]] int error_order() const override { return 3; }
  [[nodiscard]] bool bounded() const override { return false; }
  [[nodiscard]] Index slope_count() const override { return 5; }
  double attempt(System<Scalar>& system, Step<Scalar>& step, double h) override;
  void expect(const Step<Scalar>& step,
              std::span<const double> thetas,
              double tolerance) override;
  void interpolate(const Step<Scalar>& step,
                   std::span<const double> thetas,
                   Eigen::Ref<Matrix<Scalar>> out) override;

private:
  // What a step of size h needs of φ(−hΛ), element by element.
  void prepare(const Step<Scalar>& step, double h);
  // f(stage) into a column of the slopes, N instead of f for A.
  void slope(System<Scalar>& system, Step<Scalar>& step, Index column);
  void
  interpolate_one(const Step<Scalar>& step, Scalar theta, Eigen::Ref<Vector<Scalar>> y);

  const GramFlow<Scalar>& flow_;
  Matrix<Scalar> rate_;                     // Λ
  Matrix<Scalar> G_;                        // at the start
  Matrix<Scalar> N_;                        // there
  Matrix<Scalar> half_decay_, half_weight_; // φ0 and hφ1/2 at −hΛ/2
  Matrix<Scalar> first_, middle_, last_;    // h times the weights of N
  NodeInterpolation<Scalar> nodes_;
  PhiFunctions<Scalar> phi_;
  typename PhiFunctions<Scalar>::Column z_;
};

} // namespace linflow
