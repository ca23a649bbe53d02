// Stop rules, and the state that they keep along one run.
#pragma once

#include "linflow/types.hpp"

#include <cmath>

namespace linflow {

// Every rule is off by default (NaN or zero) except the number of steps. The published
// protocol of [TAJ] figure 2 is {750, 1e-3, 2e-4, 1e-2, 2, 3}.
struct StopRules {
  Index max_steps = 0;
  double train_below = kNaN;  // stop when train < this
  double stall_change = kNaN; // stop when |train − previous train| < this …
  double stall_drop = 0.0;    // … and train(0) − train > this
  Index rising_times = 0;     // stop when test rose in that many steps running …
  Index rising_after = 0;     // … and the step is later than this
};

class StopState {
public:
  explicit StopState(const StopRules& rules) : rules_(rules) {}

  // To be called once per step, step 0 included. Returns pending while the run goes
  // on. Within one step the lower positive number wins; divergence (errors that are
  // not finite) goes before all.
  Status check(Index step, const Errors& errors);

private:
  StopRules rules_;
  double first_train_ = kNaN;
  Errors previous_;
  Index rising_ = 0;
};

inline Status StopState::check(Index step, const Errors& errors) {
  if (!std::isfinite(errors.train)) {
    return Status::diverged;
  }
  if (step == 0) {
    first_train_ = errors.train;
  }
  const Errors previous = previous_;
  previous_ = errors;
  // Comparisons with NaN (the first step, rules that are off) are false.
  rising_ = errors.test > previous.test ? rising_ + 1 : 0;

  if (step >= rules_.max_steps) {
    return Status::reached_end;
  }
  if (errors.train < rules_.train_below) {
    return Status::train_below;
  }
  if (std::abs(errors.train - previous.train) < rules_.stall_change &&
      first_train_ - errors.train > rules_.stall_drop) {
    return Status::train_stalled;
  }
  if (rules_.rising_times > 0 && step > rules_.rising_after &&
      rising_ >= rules_.rising_times) {
    return Status::test_rising;
  }
  return Status::pending;
}

} // namespace linflow
