// A Lie-group method of order 4 for two layers, which keeps the balance matrix.
//
// With Q = [W1ᵀ; W2] and M = [[0, Gᵀ], [G, 0]] the flow is Q̇ = −MQ, and because MJ + JM
// = 0 every e^{−hM} keeps B = −QᵀJQ (theory §3). The commutator-free method of
// Celledoni, Marthinsen, Owren (Future Gener. Comput. Syst. 19, 2003) makes a step of
// five such exponentials of combinations of G at four stages, so that B is kept to
// rounding, whatever the step size. Exponentials act on Q by their Taylor series, two
// products a term. The error is estimated as for the classical method of order 4, by
// the slope at the end.
#pragma once

#include "linflow/cost.hpp"
#include "linflow/integrators/system.hpp"
#include "linflow/layers.hpp"

#include <array>
#include <string_view>

namespace linflow {

template <class Scalar> class LieMethod final : public Method<Scalar> {
public:
  LieMethod(Cost<Scalar>& cost, const LayerShape& shape);

  [[nodiscard]] std::string_view name() const override { return "lie4"; }
  [[nodiscard]] int error_order() const override { return 3; }
  [[nodiscard]] Index slope_count() const override { return 3; }
  double attempt(System<Scalar>& system, Step<Scalar>& step, double h) override;

private:
  // G of the weights y, into gradients_[i].
  void gradient(const VectorIn<Scalar>& y, std::size_t i);
  // y ← e^{−hM}y for G = Σ_i c_i G_i.
  void move(double h, std::array<double, 4> weights, Vector<Scalar>& y);

  Cost<Scalar>& cost_;
  Layers<Scalar> layers_;
  double strength_; // ‖M‖ ≤ strength·‖G‖
  std::array<Matrix<Scalar>, 5> gradients_;
  Matrix<Scalar> A_;
  Matrix<Scalar> G_;
  Vector<Scalar> half_; // the second stage, from which the fourth starts
  Vector<Scalar> term_;
  Vector<Scalar> next_term_;
};

} // namespace linflow
