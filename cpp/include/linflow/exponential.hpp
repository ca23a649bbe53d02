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
// What is integrated so is the state less its leading modes, each of which moves as if
// it were alone (exact_modes.hpp): their growth, which is fast and far from linear, is
// exact too, and of N is left what the modes do to each other and to the rest.
//
// Among directions along which learning is lazy N falls with G: there e^{Λτ}N(τ) is the
// slow part, and the method is that of Runge and Kutta for e^{Λτ}G (Lawson 1967), which
// needs no φ functions.
//
// Dense output of order 3: the same weights with the integrals to θh.
#pragma once

#include "linflow/exact_modes.hpp"
#include "linflow/gram.hpp"
#include "linflow/integrators/system.hpp"
#include "linflow/nodes.hpp"
#include "linflow/phi_functions.hpp"

#include <algorithm>
#include <vector>

namespace linflow {

template <class Scalar> class ExponentialMethod final : public Method<Scalar> {
public:
  // In the flow's basis the first `modes` rows and columns of the target are diagonal.
  ExponentialMethod(const GramFlow<Scalar>& flow, Index modes);

  [[nodiscard]] std::string_view name() const override { return "etdrk4"; }
  [[nodiscard]] int error_order() const override { return 3; }
  [[nodiscard]] bool bounded() const override { return false; }
  [[nodiscard]] Index slope_count() const override { return 5; }
  bool finishes(const Step<Scalar>& step, double tolerance) override;
  [[nodiscard]] double longest() const override { return longest_; }
  double attempt(System<Scalar>& system, Step<Scalar>& step, double h) override;
  double finish_dense(System<Scalar>& system, Step<Scalar>& step) override;
  void expect(const Step<Scalar>& step,
              std::span<const double> thetas,
              double tolerance) override;
  void interpolate(const Step<Scalar>& step,
                   std::span<const double> thetas,
                   Eigen::Ref<Matrix<Scalar>> out) override;

private:
  using Column = typename PhiFunctions<Scalar>::Column;
  using Modes = std::vector<ExactMode>;
  // What a step of size step.h needs of the modes and of Λ.
  void prepare(const Step<Scalar>& step);
  void prepare_weights(Scalar h); // of φ(−hΛ)
  // A but for the modes from N before: at h/2 in stages 1 and 2, at h in 3 and the end.
  void make_stage(const Step<Scalar>& step, int stage, Block<Scalar> A) const;
  // The whole state, modes included.
  void make_state(const Step<Scalar>& step, int stage, VectorOut<Scalar> y) const;
  // The same at t + θh, as many leading entries as y has, without the modes.
  void look_at_A(const Step<Scalar>& step, double theta, Block<Scalar> A);
  void look(const Step<Scalar>& step, double theta, VectorOut<Scalar> y);
  // Modes into a state, or into A alone where it has no more. C has moved by `weight`
  // times the slopes at the start, which hold the modes' own.
  void add(const Modes& modes, double weight, VectorOut<Scalar> y) const;
  // f(stage) into a column of the slopes, less that of the modes, and N for A.
  void
  slope(System<Scalar>& system, Step<Scalar>& step, Index column, const Modes& modes);
  double error(Step<Scalar>& step) const;

  // Calls them with (column, first row, rows) for parts of columns: entries of
  // directions that are not lazy, and all others.
  template <class Differencing, class Lawson>
  void for_parts(Differencing&& differencing, Lawson&& lawson) const {
    for (Index j = 0; j < G_.cols(); ++j) {
      const Index own = j < active_ ? G_.rows() : std::min(active_, G_.rows());
      if (own > 0) {
        differencing(j, Index(0), own);
      }
      if (own < G_.rows()) {
        lawson(j, own, G_.rows() - own);
      }
    }
  }
  [[nodiscard]] auto
  N(const Step<Scalar>& step, Index column, Index j, Index i, Index n) const {
    return step.slopes.col(column).segment(j * flow_.d_out() + i, n).array();
  }

  const GramFlow<Scalar>& flow_;
  Index count_; // of modes
  ExactModes exact_;
  Modes at_start_, at_middle_, at_end_, looked_at_;
  Index active_ = 0;   // leading directions that are not lazy
  double decay_ = 0.0; // the fastest rate among the others
  double longest_ = 0.0;
  Column out_rate_, in_rate_;            // Λ_ij = out_rate_i + in_rate_j
  Column out_decay_, in_decay_;          // e^{−hΛ/2}
  Matrix<Scalar> G_;                     // at the start, but for the modes
  Matrix<Scalar> N_;                     // there
  Matrix<Scalar> half_weight_;           // hφ1(−hΛ/2)/2
  Matrix<Scalar> first_, middle_, last_; // h times the weights of N
  NodeInterpolation<Scalar> nodes_;
  PhiFunctions<Scalar> phi_;
  Column z_, from_start_, from_middle_, from_end_;
};

// At finer tolerances explicit methods of order 8 take fewer right-hand sides, unless
// they are held up by stability.
inline double finest_exponential(double stiffness) {
  return stiffness > 32.0 ? 1e-9 : 2e-8;
}

// The first step to attempt from a state, with the target's norm `top`: its controller
// corrects the rest.
template <class Scalar>
double exponential_first_step(const GramFlow<Scalar>& flow,
                              const Vector<Scalar>& state,
                              double top,
                              double rtol);

} // namespace linflow
