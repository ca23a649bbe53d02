// Exponential time differencing of the flow in Gram form, of order 4 with an embedded
// estimate of order 3 (Cox and Matthews 2002, eqs. 26 to 29; the estimate: Krogstad
// 2005), about the closed form of its modes.
//
// In a basis of the target's leading singular vectors a network is nearly a set of
// modes, each of which alone has a closed form (exact_modes.hpp). What is integrated is
// the state less its modes, δ, in coordinates (mode_coordinates.hpp) in which the flow
// linearised about the modes is diagonal and known at all times:
//     δ̇ = Λ(t)∘δ + N,   Λ_pq = ℓ_p + ℓ_q.
// With the mean Λ̄ of Λ over a step and χ(t) = exp(Λ̄t − ∫Λ), which is 1 at both ends,
//     (χδ)˙ = Λ̄∘(χδ) + χN
// has constant rates. All growth and decay of single modes and of what they do to each
// other in first order is exact then; N is of second order, and what the balance of the
// network differs from that of two levels, which is slow. Steps are as long as N
// allows.
//
// Among modes that are learned and directions along which learning is lazy, C1 and C2
// hardly move and are integrated as they are (Runge and Kutta), and the rates of A are
// those of the start, −Λ_ij = (C2)_ii + (C1)_jj. Along lazy directions N of A falls
// with G = A − T: there e^{−Λτ}N(τ) is the slow part, and the method is that of Runge
// and Kutta for e^{−Λτ}G (Lawson 1967), unless some of them decay far more slowly.
//
// Dense output of order 3: the same weights with the integrals to θh.
#pragma once

#include "linflow/exact_modes.hpp"
#include "linflow/gram.hpp"
#include "linflow/integrators/system.hpp"
#include "linflow/mode_coordinates.hpp"
#include "linflow/nodes.hpp"
#include "linflow/phi_functions.hpp"

#include <algorithm>
#include <vector>

namespace linflow {

// (P⁻¹)_ii of P along v_i + u_i alone, of the first modes in a basis of these: what has
// grown there is the less the mode's own the more it exceeds 1/P_ii.
template <class Scalar> class InverseGrowth {
public:
  // False where that is not positive definite.
  bool compute(const GramFlow<Scalar>& flow, const VectorIn<Scalar>& y, Index modes);
  [[nodiscard]] Scalar operator[](Index i) const { return diagonal_[i]; }

private:
  Matrix<Scalar> growing_;
  Vector<Scalar> diagonal_;
};

template <class Scalar> class ExponentialMethod final : public Method<Scalar> {
public:
  // In the flow's basis the first `modes` rows and columns of the target are diagonal.
  ExponentialMethod(const GramFlow<Scalar>& flow, Index modes, double rtol);

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
                   Block<Scalar> out) override;

private:
  using Column = typename PhiFunctions<Scalar>::Column;
  using Modes = std::vector<ExactMode>;
  // Of directions: of outputs, along v − u, and of inputs, along v + u; and again of
  // all outputs and inputs as they are among lazy ones.
  struct Sides {
    Column out, in;
  };
  // Entries of a state below each other, and where their rows and column stand.
  struct Part {
    Index at, size;
    bool row_out, column_out;
    Index row, column;
  };
  static auto rows(const Sides& sides, const Part& part) {
    return (part.row_out ? sides.out : sides.in).segment(part.row, part.size);
  }
  static Scalar column(const Sides& sides, const Part& part) {
    return (part.column_out ? sides.out : sides.in)[part.column];
  }
  static auto entries(const Vector<Scalar>& y, const Part& part) {
    return y.segment(part.at, part.size).array();
  }
  static auto place(Vector<Scalar>& y, const Part& part) {
    return y.segment(part.at, part.size).array();
  }
  // Of N.
  static auto entries(const Step<Scalar>& step, Index column, const Part& part) {
    return step.slopes.col(column).segment(part.at, part.size).array();
  }

  // Λ of all modes, from these members over the time; what has no partner decays as its
  // entry of C1 or C2 says.
  void rates(const Modes& modes,
             double ExactMode::* down,
             double ExactMode::* up,
             double time,
             Sides& out) const;
  // χ at a time since the start, and 1/χ.
  void scale(const Modes& modes, double time);
  // What a step of size h needs of the modes, and the weights of N.
  void prepare(double h);
  // T along lazy directions; that and the modes.
  void add_target(Scalar sign, Block<Scalar> A) const;
  void add_modes(Scalar sign, const Modes& modes, Vector<Scalar>& y) const;
  // N from f(y), or χN.
  void nonlinear(const Modes& modes,
                 const Vector<Scalar>& delta,
                 bool scaled,
                 VectorOut<Scalar> slope);
  // δ from N before: at h/2 in stages 1 and 2, at h in 3 and the end.
  void make_stage(const Step<Scalar>& step, int stage);
  // A without the modes, or all, at t + θh.
  void look(const Step<Scalar>& step, double theta, VectorOut<Scalar> y);
  void look_at_parts(const Step<Scalar>& step, double theta, bool whole);
  // What mode i adds to A, where T is added to it in lazy directions.
  [[nodiscard]] double in_A(const Modes& modes, Index i) const {
    const auto& mode = modes[static_cast<std::size_t>(i)];
    return i < active_ ? mode.value : mode.gap;
  }
  // What errors may grow to, from a state whose step may err by the tolerance.
  void weigh_growth(const Vector<Scalar>& y, double tolerance);
  double error(Step<Scalar>& step);
  // Whether what the direction has to do with all is in coordinates of modes.
  [[nodiscard]] bool turned(Index i) const { return learned_ <= i && i < active_; }

  // Calls them with the parts of a state that are differenced, of A along lazy
  // directions, unless they are uneven, and of C1 and C2 there: lower triangles.
  template <class Differencing, class Lawson, class Plain>
  void for_parts(Differencing&& differencing, Lawson&& lawson, Plain&& plain) const {
    const Index outputs = flow_.d_out();
    const Index inputs = flow_.d_in();
    const auto settled = [&](Index j, Index i, Index size) { // of A
      if (size > 0) {
        differencing(Part{j * outputs + i, size, true, false, i + outputs, j + inputs});
      }
    };
    for (Index j = 0; j < inputs; ++j) {
      if (turned(j)) {
        differencing(Part{j * outputs, outputs, true, false, 0, j});
        continue;
      }
      settled(j, 0, learned_);
      if (learned_ < active_) {
        differencing(
            Part{j * outputs + learned_, active_ - learned_, true, false, learned_, j});
      }
      if (j < learned_ || uneven_) {
        settled(j, active_, outputs - active_);
      } else if (active_ < outputs) {
        lawson(Part{j * outputs + active_, outputs - active_, true, false, active_, j});
      }
    }
    const auto triangle = [&](Index first, Index size, bool out) {
      const auto part = [&](Index j, Index i, Index end) {
        return Part{first + j * size + i, end - i, out, out, i, j};
      };
      for (Index j = 0; j < size; ++j) {
        if (turned(j)) {
          differencing(part(j, j, size));
          continue;
        }
        if (j < learned_) {
          plain(part(j, j, learned_));
          if (learned_ < active_) {
            differencing(part(j, learned_, active_));
          }
        }
        if (const Index i = std::max(j, active_); i < size) {
          plain(part(j, i, size));
        }
      }
    };
    triangle(flow_.visible(), inputs, false);
    triangle(flow_.visible() + inputs * inputs, outputs, true);
  }

  const GramFlow<Scalar>& flow_;
  Index count_; // of modes
  double rtol_;
  ModeCoordinates<Scalar> coordinates_;
  ExactModes exact_;
  Modes at_start_, at_middle_, at_end_, looked_at_;
  Index learned_ = 0;   // leading modes that are
  Index active_ = 0;    // leading directions that are not lazy
  bool uneven_ = false; // the others: some of them hardly decay
  double decay_ = 0.0;  // the fastest rate among the others
  double longest_ = 0.0;
  double growth_ = 0.0;   // the fastest rate of a mode's
  Sides lazy_;            // diagonals of C2 and C1 at the start
  Sides mean_;            // Λ̄
  Sides scale_, unscale_; // χ, 1/χ
  Sides rate_;            // Λ
  InverseGrowth<Scalar> inverse_;
  Sides to_grow_;              // √ of what a mode still grows by
  double grown_part_ = 0.0;    // of what may be wrong at the end, what may be now
  Sides half_decay_;           // e^{hΛ̄/2}
  Sides lazy_decay_;           // e^{−hΛ/2} of lazy directions
  Vector<Scalar> start_;       // δ
  Vector<Scalar> N_;           // there
  Vector<Scalar> delta_;       // of a stage, and where it is looked at
  Vector<Scalar> half_weight_; // hφ1(hΛ̄/2)/2
  Vector<Scalar> first_, middle_, last_; // h times the weights of N
  NodeInterpolation<Scalar> nodes_;
  PhiFunctions<Scalar> phi_;
  Column z_;
  Sides from_start_, from_middle_, from_end_;
};

// At finer tolerances explicit methods of order 8 take fewer right-hand sides, unless
// they are held up by stability.
inline double finest_exponential(double stiffness) {
  return stiffness > 32.0 ? 1e-9 : 2e-8;
}

// Whether a state is nearly a set of modes: not if A is far beyond the target, or if
// much has grown along v_i + u_i that belongs to others, as in a network that has
// learned something else.
template <class Scalar>
bool modes_apart(const GramFlow<Scalar>& flow,
                 const Vector<Scalar>& state,
                 Index modes);

// The first step to attempt from a state, with the target's norm `top`: its controller
// corrects the rest.
template <class Scalar>
double exponential_first_step(const GramFlow<Scalar>& flow,
                              const Vector<Scalar>& state,
                              double top,
                              double rtol);

} // namespace linflow
