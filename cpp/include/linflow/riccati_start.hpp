// One start of the Riccati flow and its states at any time (theory.md section 4).
//
// Two evaluations, both exact; `uses_residual_form` says which one a time point gets:
//
// residual  In the singular basis K = P(0) + N - F has the blocks
//     K11 = C1(0) + N + lam/2,  K22 = C2(0) + N - lam/2,  K21 = G(0) = A(0) - T,
//   and with H = K11 - K21^T K22^{-1} K21
//     G(t) = h K22^{-1} G(0) H^{-1} h:  [two Cholesky factorisations of size d]
//   the product comes out as T + G, with an error relative to max(|A|, |T|) however
//   large P is (kappa/s* = 1e12 and beyond); lazy dynamics is its limit.
// graded    P(t) = mu W + D M D from the factor (graded.hpp): for starts and times at
//   which K is nearly singular (small kappa, late times). Relative accuracy for tiny
//   starts, and the only form that yields a factor Q(t).
//
// Criterion, from the numbers of the problem alone (never from what is asked for): an
// upper bound of cond(K) times max(1, |F| / |P(0)|) below 1e3.
#pragma once

#include "linflow/graded.hpp"
#include "linflow/parallel.hpp"
#include "linflow/riccati.hpp"

#include <memory>
#include <mutex>

namespace linflow {

// What to compute. Nothing else is formed.
struct RiccatiRequest {
  bool product = true;         // A
  bool input_gram = false;     // C1 = W1^T W1
  bool output_gram = false;    // C2 = W2 W2^T
  bool singular_basis = false; // leave them as U^T A V, V^T C1 V, U^T C2 U: same norms,
                               // traces and singular values at less work
};

template <class S> struct RiccatiState {
  Matrix<S> product, input_gram, output_gram;
  bool residual_form = false;
};

// A state from which the flow goes on: factor in the eigenbasis (tiny rows keep their
// relative accuracy there), A and G = A - T in the singular basis, each by itself.
template <class S> struct RiccatiPoint {
  Graded<S> factor;
  Matrix<S> product, residual;
};

// Scratch memory of one thread.
template <class S> struct RiccatiWorkspace {
  RiccatiRates<S> rates;
  GradedWorkspace<S> graded;
  Matrix<S> k22, schur, half, core, x, y, left, right;
  Vector<S> diagonal_in, diagonal_out, cross;
};

template <class S> class RiccatiStart {
public:
  // X = W1^T (d_in x r), Y = W2 (d_out x r). Rows of O^T Q(0) below `tolerance` times
  // eps times what their rounding errors scale with are zero; 0 keeps every bit.
  RiccatiStart(std::shared_ptr<const Riccati<S>> flow,
               const Matrix<S>& X,
               const Matrix<S>& Y,
               S tolerance = 64);
  RiccatiStart(std::shared_ptr<const Riccati<S>> flow, RiccatiPoint<S> point);

  const Riccati<S>& flow() const { return *flow_; }
  bool uses_residual_form(const RiccatiRates<S>& rates) const;

  // State at one time, infinity included. Throws for a negative or NaN time.
  void state(S time,
             const RiccatiRequest& request,
             RiccatiWorkspace<S>& ws,
             RiccatiState<S>& out) const;

  // The flow goes on from here: RiccatiStart(flow, advance(t)) is exact.
  RiccatiPoint<S> advance(S time, RiccatiWorkspace<S>& ws) const;

  // Q(t): X (d_in x r), Y (d_out x r), r columns for mu = 0 and n for mu > 0. When the
  // residual form applies and P >> A, the factor is the block Cholesky one, X lower
  // triangular in the singular basis: then Y X^T gives A back without cancellation.
  void factors(S time, RiccatiWorkspace<S>& ws, Matrix<S>& X, Matrix<S>& Y) const;

private:
  void bounds();
  bool standing(S time) const; // nothing has moved by a rounding error yet
  void residual(RiccatiWorkspace<S>& ws,
                const RiccatiRequest& request,
                RiccatiState<S>&) const;
  // Leaves D X in ws.graded.W and returns its zero pattern.
  const std::vector<Index>& graded(RiccatiWorkspace<S>& ws,
                                   const RiccatiRequest& request,
                                   RiccatiState<S>&) const;
  void
  finish(const RiccatiRequest& request, RiccatiWorkspace<S>&, RiccatiState<S>&) const;

  const Graded<S>& factor() const; // made for the first time point that needs it

  std::shared_ptr<const Riccati<S>> flow_;
  Matrix<S> X_, Y_; // what it is made of
  S tolerance_ = 0;
  mutable std::once_flag factored_;
  mutable Graded<S> factor_;
  Matrix<S> c1_, c2_, a_, g_; // singular basis; g_ = a_ - S
  S c1_low_, c1_high_, c2_low_, c2_high_, g_norm_;
  Index columns_; // of the factor handed in
};

// States at many times, in parallel over them (parallel.hpp). `out[k]` belongs to
// `times[k]`; false when cancelled.
template <class S>
bool riccati_states(const RiccatiStart<S>& start,
                    const Vector<S>& times,
                    const RiccatiRequest& request,
                    std::vector<RiccatiState<S>>& out,
                    int n_threads,
                    const Progress& progress);

} // namespace linflow
