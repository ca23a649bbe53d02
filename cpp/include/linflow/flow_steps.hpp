// An integrated flow, looked at on the virtual steps t = η·step of the stop rules.
//
// The integrator makes long steps with many virtual ones inside, so that what counts is
// its right-hand sides: where a step holds more virtual steps than a polynomial through
// the errors needs nodes, the errors are interpolated.
#pragma once

#include "linflow/dynamics.hpp"
#include "linflow/flow.hpp"

#include <memory>
#include <vector>

namespace linflow {

// The cost of an objective, as flows take it.
template <class Scalar>
QuadraticData<Scalar> quadratic_data(const Objective<Scalar>& objective) {
  QuadraticData<Scalar> data{objective.target(), std::nullopt, {}, {}, 1.0};
  if (objective.has_truth()) {
    data.truth = objective.target() - objective.noise();
  }
  return data;
}

template <class Scalar> class FlowSteps final : public Dynamics<Scalar> {
public:
  // From X = W1ᵀ, Y = W2; needs no step beyond `most_steps`.
  FlowSteps(const Objective<Scalar>& objective,
            const Matrix<Scalar>& X,
            const Matrix<Scalar>& Y,
            double step_size,
            Index most_steps,
            double rtol);

  Errors measure() override;
  void advance() override { ++step_; }
  void product(Matrix<Scalar>& out) const override { look(time(), out); }
  // The matrix of a remembered step is made when the integrator leaves its interval.
  [[nodiscard]] bool remembers() const override { return true; }
  void remember() override;
  bool remembered(Matrix<Scalar>& out) override;

private:
  [[nodiscard]] double time() const { return step_size_ * static_cast<double>(step_); }
  // Brings the integrator to the interval that holds the time; false when it fails.
  bool reach(double time);
  void fit_errors();
  Errors look(double time, Matrix<Scalar>& out) const;

  QuadraticCost<Scalar> cost_;
  std::unique_ptr<Flow<Scalar>> flow_;
  std::unique_ptr<Integrator<Scalar>> integrator_;
  double step_size_;
  double horizon_;
  double rest_; // a residual of this part of all there is to learn is none
  Index step_ = 0;
  bool attempted_ = false; // the integrator stands before a step that is made
  bool resting_ = false;
  double end_ = 0.0;   // of that step
  double best_ = kNaN; // remembered time
  bool best_known_ = false;
  std::vector<double> nodes_; // within the step, 0 to 1; none: look at every step
  std::vector<Errors> errors_;
  mutable Vector<Scalar> state_;
  Matrix<Scalar> states_; // at the nodes
  Matrix<Scalar> best_product_;
  Matrix<Scalar> product_;
};

} // namespace linflow
