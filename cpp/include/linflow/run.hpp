// One run of any stepped dynamics: measure, look, check the rules, advance.
//
// A dynamics has `Errors measure()` and `void advance()`; an observer is called with
// the step number and the errors after each measure(), the final one included.
#pragma once

#include "linflow/stop.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>

namespace linflow {

// How a run hears that it should end. The poll is called at most every 50 ms, by the
// thread that owns it; the flag is for all threads.
class Control {
public:
  using Poll = std::function<void(Index step)>;
  explicit Control(std::atomic<bool>& cancelled, Poll poll = {})
      : cancelled_(&cancelled), poll_(std::move(poll)) {}

  // True when the run should end here.
  bool operator()(Index step) {
    if (poll_) {
      const auto now = Clock::now();
      if (now - last_ >= std::chrono::milliseconds(50)) {
        last_ = now;
        poll_(step);
      }
    }
    return cancelled();
  }
  [[nodiscard]] bool cancelled() const {
    return cancelled_->load(std::memory_order_relaxed);
  }
  void cancel() { *cancelled_ = true; }

private:
  using Clock = std::chrono::steady_clock;
  std::atomic<bool>* cancelled_;
  Poll poll_;
  Clock::time_point last_ = Clock::now();
};

// Told of the output map at each save point, by its step, number or time; false ends
// the run there.
using Watcher = std::function<bool(double at, const Matrix<double>& A)>;

struct RunResult {
  Status status = Status::pending;
  Index steps = 0;
  Errors last; // errors at the last step
};

// A cancelled run has status pending and stands at a measured state.
template <class Dynamics, class Observer>
RunResult
run(Dynamics& dynamics, const StopRules& rules, Control& control, Observer&& observe) {
  StopState stop(rules);
  RunResult result;
  for (Index step = 0;; ++step) {
    result.steps = step;
    result.last = dynamics.measure();
    result.status = stop.check(step, result.last);
    const bool cancelled = result.status == Status::pending && control(step);
    const bool ended = cancelled || result.status != Status::pending;
    observe(step, result.last, ended);
    if (ended || control.cancelled()) {
      return result;
    }
    dynamics.advance();
  }
}

} // namespace linflow
