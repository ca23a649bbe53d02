// Whether a flow in Gram form is better split (splitting.hpp), or integrated.
#pragma once

#include "linflow/gram.hpp"
#include "linflow/integrators/integrator.hpp"
#include "linflow/levels.hpp"

namespace linflow {

// What a run asks for, and how far it would be integrated instead.
struct SplitRequest {
  double span = 0.0;       // of time
  double looks = 0.0;      // at A, within steps
  bool until_best = false; // it is likely to end soon after the first modes are learned
  bool whole = false;      // A itself is to be seen, not just its errors
  double rtol = 1e-6;
  bool integrable = true;   // in Gram form; else in factors, at twice the cost
  bool differencing = true; // by exponential.hpp; else by explicit methods
};

template <class Scalar> struct SplitPlan {
  Levels<Scalar> levels;
  double kappa = 0.0;    // of a mode at its start, by these
  double fineness = 0.0; // of steps: 1 where growth alone limits them
  double first_step = 0.0;
  double right_hand_sides = 0.0; // of the other way
  double integrated = 0.0;       // its cost, looks included
  double most_steps = 0.0;       // at half of its cost
  double stiffness = 0.0;        // ρt
  bool pays = false;

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

} // namespace linflow
