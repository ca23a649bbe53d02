// The flow of a network by splitting, at any time up to a horizon.
//
// Steps are made as later times are asked for. Only the last one is kept: a time before
// it makes the run begin again.
#pragma once

#include "linflow/basis_flow.hpp"
#include "linflow/dynamics.hpp"
#include "linflow/split_plan.hpp"

#include <memory>

namespace linflow {

template <class Scalar> class SplitSolution final : public Solution<Scalar> {
public:
  // The basis is that of the target; X = W1ᵀ, Y = W2. Runs `until_best` are expected to
  // end soon after the first modes are learned.
  SplitSolution(std::shared_ptr<const SingularVectors<Scalar>> basis,
                const Matrix<Scalar>& X,
                const Matrix<Scalar>& Y,
                double horizon,
                bool until_best,
                double rtol);

  // False where splitting is not the way that costs least.
  [[nodiscard]] bool pays() const { return pays_; }
  // One at a time. Where the splitting fails coordinates are not numbers.
  [[nodiscard]] std::unique_ptr<typename Solution<Scalar>::Evaluator>
  evaluator() const override;
  [[nodiscard]] const Matrix<Scalar>& left() const override { return split_.basis->U; }
  [[nodiscard]] const Matrix<Scalar>& right() const override { return split_.basis->V; }

private:
  mutable BasisFlow<Scalar> split_;
  IntegratorOptions options_;
  SplitPlan<Scalar> plan_;
  double horizon_;
  bool pays_ = false;
};

} // namespace linflow
