// The one engine of all explicit Runge-Kutta methods.
#pragma once

#include "linflow/integrators/system.hpp"
#include "linflow/integrators/tableau.hpp"

namespace linflow {

template <class Scalar> class RungeKutta final : public Method<Scalar> {
public:
  explicit RungeKutta(const Tableau& tableau) : tableau_(tableau) {}

  [[nodiscard]] std::string_view name() const override { return tableau_.name; }
  [[nodiscard]] int error_order() const override { return tableau_.error_order; }
  [[nodiscard]] Index slope_count() const override { return tableau_.slopes(); }
  [[nodiscard]] const Tableau& tableau() const { return tableau_; }

  double attempt(System<Scalar>& system, Step<Scalar>& step, double h) override;
  double finish_dense(System<Scalar>& system, Step<Scalar>& step) override;

  // h|λ| of the fastest direction that the last attempt saw (Hairer, Nørsett, Wanner I,
  // II.10): the last stage and the end are both at t + h and differ mostly along it.
  // Meaningless for methods whose last stage is elsewhere (Euler).
  [[nodiscard]] double stiffness(const Step<Scalar>& step) const;

private:
  const Tableau& tableau_;
};

} // namespace linflow
