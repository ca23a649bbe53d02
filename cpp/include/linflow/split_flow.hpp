// A flow in Gram form that may be split (splitting.hpp): whether that pays, and the
// parts that such a run needs.
#pragma once

#include "linflow/splitting.hpp"

#include <memory>

namespace linflow {

// What a run asks for, and how far it would be integrated instead.
struct SplitRequest {
  double span = 0.0;       // of time
  double looks = 0.0;      // at A, within steps
  bool until_best = false; // it is likely to end soon after the first modes are learned
  bool whole = false;      // A itself is to be seen, not just its errors
  double rtol = 1e-6;
  bool integrable = true; // in Gram form; else in factors, at twice the cost
};

template <class Scalar> struct SplitPlan {
  Levels<Scalar> levels;
  double fineness = 0.0; // of steps: 1 where growth alone limits them
  double first_step = 0.0;
  double integrated = 0.0; // right-hand sides of the other way
  double most_steps = 0.0; // at half of its cost
  double stiffness = 0.0;  // ρt
  bool pays = false;
  // Exponential differencing would cost less than explicit methods: where these are
  // held up by stability, or where all of learning is lazy.
  bool linear = false;

  // False where times or levels of the plan make no sense.
  [[nodiscard]] bool sound() const;
  // Runs of less are nothing for it: C = N − hK⁻¹h would be left with ε/(ρt).
  [[nodiscard]] bool long_enough() const { return stiffness >= 1e-5; }
  // Of the splitting, as far as the plan goes: growth and first step.
  [[nodiscard]] IntegratorOptions steps(const IntegratorOptions& given) const;
};

// In right-hand sides of GramFlow: from the stiffness of the run and the number of
// looks, and from how far the closed form is off (theory §4). The flow's last slope is
// that of the state afterwards.
template <class Scalar>
SplitPlan<Scalar> plan_split(GramFlow<Scalar>& flow,
                             const Vector<Scalar>& state,
                             const SplitRequest& request);

// A network's flow in the singular basis of its target, or another.
template <class Scalar> struct SplitFlow {
  // X = W1ᵀ and Y = W2 are not in the basis, the data are.
  SplitFlow(std::shared_ptr<const SingularVectors<Scalar>> given,
            QuadraticData<Scalar> data,
            const Matrix<Scalar>& X,
            const Matrix<Scalar>& Y);
  // `truth` in that basis, if there is any; X = W1ᵀ and Y = W2 are not.
  SplitFlow(std::shared_ptr<const SingularVectors<Scalar>> given,
            std::optional<Matrix<Scalar>> truth,
            const Matrix<Scalar>& X,
            const Matrix<Scalar>& Y);

  [[nodiscard]] std::unique_ptr<Method<Scalar>>
  method(const Levels<Scalar>& levels) const;

  std::shared_ptr<const SingularVectors<Scalar>> basis;
  QuadraticCost<Scalar> cost;
  GramFlow<Scalar> flow;
  Vector<Scalar> state;
};

} // namespace linflow
