// The flow of a network in few long steps, at any time up to a horizon: by splitting
// (splitting.hpp) or by exponential differencing (exponential.hpp).
//
// Steps are made as later times are asked for. Only the last one is kept: a time before
// it makes the run begin again.
#pragma once

#include "linflow/basis_flow.hpp"
#include "linflow/ensemble_task.hpp"
#include "linflow/split_plan.hpp"

#include <memory>

namespace linflow {

template <class Scalar> class FlowSolution final : public Solution<Scalar> {
public:
  // X = W1ᵀ, Y = W2; the task must outlive this. Runs `until_best` are expected to end
  // soon after the first modes are learned.
  FlowSolution(const EnsembleTask<Scalar>& task,
               const Matrix<Scalar>& X,
               const Matrix<Scalar>& Y,
               double horizon,
               bool until_best,
               double rtol);

  // False where the network suits neither way.
  [[nodiscard]] bool suits() const { return flow_ != nullptr; }
  // The objective in the coordinates of this.
  [[nodiscard]] const Objective<Scalar>& objective() const { return modes_->objective; }
  // One at a time. Where a step fails coordinates are not numbers.
  [[nodiscard]] std::unique_ptr<typename Solution<Scalar>::Evaluator>
  evaluator() const override;
  [[nodiscard]] const Matrix<Scalar>& left() const override { return flow_->basis->U; }
  [[nodiscard]] const Matrix<Scalar>& right() const override { return flow_->basis->V; }

private:
  [[nodiscard]] std::unique_ptr<Method<Scalar>> method() const;

  const typename EnsembleTask<Scalar>::Modes* modes_ = nullptr;
  std::unique_ptr<BasisFlow<Scalar>> flow_;
  IntegratorOptions options_;
  Levels<Scalar> levels_;
  double horizon_;
};

} // namespace linflow
