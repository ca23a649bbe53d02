#include "linflow/network_flow_steps.hpp"

#include "linflow/gram.hpp"

#include <cmath>

namespace linflow {

template <class Scalar>
NetworkFlowSteps<Scalar>::NetworkFlowSteps(const EnsembleTask<Scalar>& task,
                                           const Matrix<Scalar>& X,
                                           const Matrix<Scalar>& Y,
                                           double step_size,
                                           const StopRules& rules,
                                           double rtol,
                                           bool every_step) {
  const Index most_steps = rules.max_steps;
  integrate_ = [&task, &X, &Y, step_size, most_steps, rtol] {
    return std::make_unique<FlowSteps<Scalar>>(
        task.objective(), X, Y, step_size, most_steps, rtol);
  };
  const LayerShape shape{{X.rows(), X.cols(), Y.rows()}, {1.0, 1.0}, 1.0};
  if (!every_step && GramFlow<Scalar>::fits(shape)) {
    solution_ = std::make_unique<FlowSolution<Scalar>>(
        task,
        X,
        Y,
        step_size * static_cast<double>(most_steps),
        rules.rising_times > 0,
        rtol);
    if (solution_->suits()) {
      steps_ = std::make_unique<LocatedSteps<Scalar>>(
          *solution_, solution_->objective(), step_size, most_steps);
      return;
    }
    solution_.reset();
  }
  steps_ = integrate_();
}

template <class Scalar> Errors NetworkFlowSteps<Scalar>::measure() {
  const Errors errors = steps_->measure();
  failed_ = solution_ && !std::isfinite(errors.train);
  return errors;
}

template <class Scalar> bool NetworkFlowSteps<Scalar>::confirm(Index best, Index last) {
  if (failed_) {
    steps_ = integrate_();
    solution_.reset();
    failed_ = false;
    return false;
  }
  return steps_->confirm(best, last);
}

template class NetworkFlowSteps<double>;
template class NetworkFlowSteps<float>;

} // namespace linflow
