// The flow of a network, looked at on virtual steps, in the way that costs least.
//
// As network_flow.hpp chooses for a run with given save points: in long steps, in which
// the end and the best step are located (flow_solution.hpp, located_steps.hpp), where
// the network suits them, else by explicit ones (flow_steps.hpp). A run for which the
// first turns out unsuitable is made again by the other.
#pragma once

#include "linflow/ensemble_task.hpp"
#include "linflow/flow_solution.hpp"
#include "linflow/flow_steps.hpp"
#include "linflow/located_steps.hpp"
#include "linflow/stop.hpp"

#include <functional>
#include <memory>

namespace linflow {

template <class Scalar> class NetworkFlowSteps final : public Dynamics<Scalar> {
public:
  // From X = W1ᵀ, Y = W2, which must outlive this as the task must; the rules
  // tell how far it may be followed. A look at every step wants it of integrated ones.
  NetworkFlowSteps(const EnsembleTask<Scalar>& task,
                   const Matrix<Scalar>& X,
                   const Matrix<Scalar>& Y,
                   double step_size,
                   const StopRules& rules,
                   double rtol,
                   bool every_step);

  Errors measure() override;
  void advance() override { steps_->advance(); }
  void product(Matrix<Scalar>& out) const override { steps_->product(out); }
  [[nodiscard]] bool remembers() const override { return true; }
  void remember() override { steps_->remember(); }
  bool remembered(Matrix<Scalar>& out) override { return steps_->remembered(out); }
  bool confirm(Index best, Index last) override;

private:
  std::unique_ptr<FlowSolution<Scalar>> solution_;
  std::unique_ptr<Dynamics<Scalar>> steps_;
  std::function<std::unique_ptr<FlowSteps<Scalar>>()> integrate_;
  bool failed_ = false; // the solution
};

} // namespace linflow
