// The proportional-integral step size controller.
#pragma once

#include <algorithm>
#include <cmath>

namespace linflow {

// Gustafsson 1991; exponents 0.7/k and 0.4/k as in Hairer, Wanner II, IV.2. `error` is
// the estimate over the tolerance: at most 1 is accepted.
class PiController {
public:
  // Factor for the next step after an accepted one. Where stability can't bound steps
  // nothing is to be damped, and the last error alone decides.
  double accepted(double error, int error_order, bool damped) {
    const double k = error_order + 1.0;
    const double now = std::max(error, 1e-10);
    double factor =
        kSafety * (damped ? std::pow(now, -0.7 / k) * std::pow(previous_, 0.4 / k)
                          : std::pow(now, -1.0 / k));
    factor = std::clamp(factor, kShrink, after_rejection_ ? 1.0 : kGrow);
    // Not less: a step that was far too short says nothing of the next but one, and in
    // runs of few steps the growth that it would hold back is all there is.
    previous_ = std::max(now, 0.1);
    after_rejection_ = false;
    return factor;
  }
  // Factor for another attempt at a rejected step.
  double rejected(double error, int error_order) {
    after_rejection_ = true;
    if (!std::isfinite(error)) {
      return kShrink;
    }
    return std::clamp(
        kSafety * std::pow(error, -1.0 / (error_order + 1.0)), kShrink, 0.9);
  }
  void reset() { *this = {}; }

private:
  static constexpr double kSafety = 0.9;
  static constexpr double kShrink = 0.2;
  static constexpr double kGrow = 10.0;
  double previous_ = 1.0;
  bool after_rejection_ = false;
};

} // namespace linflow
