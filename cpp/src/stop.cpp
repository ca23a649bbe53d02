#include "linflow/stop.hpp"

#include <cmath>

namespace linflow {

Status StopState::check(Index step, const Errors& errors) {
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
