// Splitting of the flow in Gram form about its closed form: steps far beyond stability.
//
// For any λ and μ the flow of P = [[C1, Aᵀ], [A, C2]] under the plain mean squared
// error is the sum of two that are easily solved,
//     Ṗ = FP + PF − P² + μI        the Riccati equation of theory §4, exact by one
//                                  inverse of K = P + N − F (riccati.hpp),
//     Ċ1 = C1² − AᵀA + λC1 − μI,   Ċ2 = C2² − AAᵀ − λC2 − μI,   A at rest,
// and the second vanishes for λ-balanced and for wide random networks: with λ and μ
// fitted to the start it is small for every random network, and hardly grows. A step is
// Strang's composition, correction h/2, Riccati h, correction h/2, once at h and twice
// at h/2, the two extrapolated to order 4; their difference is the error estimate.
// Growth and decay of modes are all in the Riccati flow, so that h is bound by accuracy
// alone: active networks go to convergence in some steps. In the lazy regime the two
// parts cancel, as e^{∓2κh}, and h is held near 1/κ.
//
// Dense output: Strang's composition at θh for A, and of what extrapolation changed at
// h/2 and h, which is its error's leading term, θ³(a + bθ). Where many points lie in a
// step they are read off a polynomial through some of them.
//
// Once little is left to learn, C1 and C2 hardly move any more and the flow is the
// linear one of lazy dynamics, G(t) = e^{−C2t}Ge^{−C1t}: where all that is neglected
// so, to the end of time, lies within the tolerance, the rest of the run is one step.
// (Strang's parts do not vanish there, and C1 and C2 would drift by the errors of many
// steps.)
//
// Coordinates are the singular basis of the target. Cost of a step in right-hand sides
// of GramFlow: three Riccati solutions of two and five corrections of two, and one.
#pragma once

#include "linflow/correction.hpp"
#include "linflow/gram.hpp"
#include "linflow/levels.hpp"
#include "linflow/nodes.hpp"
#include "linflow/riccati.hpp"

#include <memory>
#include <string_view>

namespace linflow {

template <class Scalar> class SplittingMethod final : public Method<Scalar> {
public:
  // The flow's target is diagonal.
  SplittingMethod(const GramFlow<Scalar>& flow,
                  std::shared_ptr<const SingularVectors<Scalar>> basis,
                  Levels<Scalar> levels);

  [[nodiscard]] std::string_view name() const override { return "splitting"; }
  [[nodiscard]] int error_order() const override { return 2; }
  [[nodiscard]] Index slope_count() const override { return 2; }
  double attempt(System<Scalar>& system, Step<Scalar>& step, double h) override;
  bool finishes(const Step<Scalar>& step, double tolerance) override;
  double finish_dense(System<Scalar>& system, Step<Scalar>& step) override;
  void expect(const Step<Scalar>& step,
              std::span<const double> thetas,
              double tolerance) override;
  // The leading entries of states: A.
  void interpolate(const Step<Scalar>& step,
                   std::span<const double> thetas,
                   Block<Scalar> out) override;

private:
  // y ← the state after `time` of the Riccati flow. False when K is not positive
  // definite.
  bool riccati(double time, Vector<Scalar>& y, bool product_only);
  // out = A at `time` after the state that finishes() has seen; the integral of G until
  // then into cross_, where it is asked for.
  void linear(double time, Block<Scalar> out, bool integral);
  // A at t + θh by one step from the start; false when that can't be solved.
  bool look(const Step<Scalar>& step, double theta, VectorOut<Scalar> A);
  // The start of the step, corrected by `time` ≤ h/2.
  void early_correction(const Step<Scalar>& step, double time, Vector<Scalar>& y);

  const GramFlow<Scalar>& flow_;
  Riccati<Scalar> riccati_;
  RiccatiRates<Scalar> rates_;
  Correction<Scalar> correction_;
  Vector<Scalar> single_;  // the step made at once, then less the one made in two
  Vector<Scalar> change_;  // what extrapolation adds to A of the former
  Vector<Scalar> quarter_; // the start, corrected by h/4
  Vector<Scalar> half_;    // by h/2
  Vector<Scalar> looking_; // a state on the way to a dense output
  NodeInterpolation<Scalar> nodes_;
  Matrix<Scalar> middle_;    // A of Strang's step h/2
  Matrix<Scalar> at_middle_; // what two of half the size, extrapolated, change there
  Matrix<Scalar> k11_, k22_, cross_, core_, inverse_;
  Matrix<Scalar> sum_;
  bool last_ = false;        // the step is the linear one
  double looked_for_ = kNaN; // ‖G‖ when finishes() was last in vain
  std::unique_ptr<SymmetricEigen<Scalar>> inputs_, outputs_; // of C1 and C2
  Matrix<Scalar> left_;                                      // G in their eigenbases
};

} // namespace linflow
