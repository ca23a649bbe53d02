// The stabilised Runge-Kutta-Chebyshev family of order 2.
//
// With s right-hand sides a step reaches h·ρ ≈ 0.65 s² along the negative real axis,
// where explicit methods of fixed stages reach a few units: right for the real spectrum
// of a gradient flow, when what moves is slow and what has settled is fast. The number
// of stages follows from h and the spectral radius ρ. Source: Sommeijer, Shampine,
// Verwer, "RKC: an explicit solver for parabolic PDEs", J. Comput. Appl. Math. 88
// (1998), with their damping ε = 2/13 and error estimate. Dense output is cubic
// Hermite, O(h⁴), above the method's own O(h²).
#pragma once

#include "linflow/integrators/system.hpp"

namespace linflow {

template <class Scalar> class Chebyshev final : public Method<Scalar> {
public:
  [[nodiscard]] std::string_view name() const override { return "rkc2"; }
  [[nodiscard]] int error_order() const override { return 2; }
  [[nodiscard]] Index slope_count() const override { return 5; }

  // Stages that a step of size h needs for the spectral radius ρ; at least 2.
  static Index stages(double h, double radius);
  // The largest step whose internal rounding errors, which grow as s² ε, stay below
  // the tolerance, and that still can be interrupted.
  static double largest_step(double radius, double rtol);

  double attempt(System<Scalar>& system, Step<Scalar>& step, double h) override;
};

} // namespace linflow
