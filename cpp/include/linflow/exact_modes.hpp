// The modes of a network as if each were alone: the part of the flow in Gram form that
// has a closed form whatever the start.
//
// In the singular basis of the target a mode is (a, c1, c2), the i-th diagonal entries
// of A, C1 and C2. Without all others it keeps c1 − c2 and c1c2 − a², so that with
// m = (c1 + c2)/2 and κ² = m² − a²
//     ȧ = 2√(a² + κ²)(s − a),   ċ1 = ċ2 = ṁ = 2a(s − a)
// (theory §5; modes.hpp has the solution).
//
// What little there is beside the modes moves along their flow linearised, which in the
// directions v ± u, of the mode's two singular vectors, is diagonal at all times: with
// the rates ℓ± = ±(s − a) − m, and
//     ∫ℓ± = ln((s − a)/(s − a0))/2 ± (asinh(a/κ) − asinh(a0/κ))/2.
#pragma once

#include "linflow/gram.hpp"

#include <vector>

namespace linflow {

// One of them at some time.
struct ExactMode {
  double value = 0.0;      // a
  double gap = 0.0;        // a − s
  double slope = 0.0;      // ȧ
  double half_trace = 0.0; // m
  double grown = 0.0;      // change of c1 and of c2 since the start
  double gram_slope = 0.0; // ċ1 = ċ2
  double up = 0.0;         // ℓ+
  double down = 0.0;       // ℓ−
  double went_up = 0.0;    // ∫ℓ+ since the start
  double went_down = 0.0;  // ∫ℓ−
};

class ExactModes {
public:
  // From a state in Gram form, the first `count` of them.
  template <class Scalar>
  void begin(const GramFlow<Scalar>& flow, const VectorIn<Scalar>& y, Index count);
  // All at a time since then.
  void at(double time, std::vector<ExactMode>& out) const;
  // One more than the index of the last with κ < s: from there on learning is lazy.
  [[nodiscard]] Index active() const;

private:
  struct Start {
    double target, value, kappa, half_trace;
  };
  std::vector<Start> starts_;
};

} // namespace linflow
