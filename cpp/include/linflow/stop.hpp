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

// Which rules end a run at a step. Numbers are doubles, or vectors of one for each run.
template <class Number> struct RulesMet {
  using Truth = decltype(Number{} < Number{});
  Truth diverged; // errors that are not finite
  Truth reached_end;
  Truth train_below;
  Truth train_stalled;
  Truth test_rising;

  // `rising` counts the steps running, up to this one, in which the test error rose.
  // Comparisons with NaN (the first step, rules that are off) are false.
  RulesMet(const StopRules& rules,
           const Number& step,
           const Number& train,
           const Number& train_before,
           const Number& first_train,
           const Number& rising) {
    const double times = rules.rising_times > 0
                             ? static_cast<double>(rules.rising_times)
                             : std::numeric_limits<double>::infinity();
    const Number change = train - train_before;
    diverged = train - train != 0.0;
    reached_end = step >= static_cast<double>(rules.max_steps);
    train_below = train < rules.train_below;
    train_stalled = (change < rules.stall_change) & (-change < rules.stall_change) &
                    (first_train - train > rules.stall_drop);
    test_rising = (step > static_cast<double>(rules.rising_after)) & (rising >= times);
  }

  [[nodiscard]] Truth any() const {
    return diverged | reached_end | train_below | train_stalled | test_rising;
  }
};

class StopState {
public:
  explicit StopState(const StopRules& rules) : rules_(rules) {}

  // To be called once per step, step 0 included. Returns pending while the run goes
  // on. Within one step the lower positive number wins; divergence goes before all.
  Status check(Index step, const Errors& errors);

private:
  StopRules rules_;
  double first_train_ = kNaN;
  Errors previous_;
  Index rising_ = 0;
};

inline Status first_of(const RulesMet<double>& met) {
  return met.diverged        ? Status::diverged
         : met.reached_end   ? Status::reached_end
         : met.train_below   ? Status::train_below
         : met.train_stalled ? Status::train_stalled
         : met.test_rising   ? Status::test_rising
                             : Status::pending;
}

inline Status StopState::check(Index step, const Errors& errors) {
  if (step == 0) {
    first_train_ = errors.train;
  }
  rising_ = errors.test > previous_.test ? rising_ + 1 : 0;
  const RulesMet<double> met(rules_,
                             static_cast<double>(step),
                             errors.train,
                             previous_.train,
                             first_train_,
                             static_cast<double>(rising_));
  previous_ = errors;
  return first_of(met);
}

} // namespace linflow
