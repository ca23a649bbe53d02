// An integrated flow in fixed steps, one to each step of the stop rules.
#pragma once

#include "linflow/dynamics.hpp"
#include "linflow/flow.hpp"

namespace linflow {

// The classical Runge–Kutta method of order 4 on the factors.
template <class Scalar> class FixedSteps final : public Dynamics<Scalar> {
public:
  // From X = W1ᵀ, Y = W2.
  FixedSteps(const Objective<Scalar>& objective,
             const Matrix<Scalar>& X,
             const Matrix<Scalar>& Y,
             double step_size);

  Errors measure() override { return flow_.look(integrator_.state(), product_); }
  void advance() override;
  void product(Matrix<Scalar>& out) const override { out = product_; }

private:
  QuadraticCost<Scalar> cost_;
  FactorFlow<Scalar> flow_;
  Integrator<Scalar> integrator_;
  Matrix<Scalar> product_;
};

} // namespace linflow
