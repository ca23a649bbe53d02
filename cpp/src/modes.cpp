#include "linflow/modes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace linflow {
namespace {

// What depends on the curve only, in units of its largest number, so that squares
// neither overflow nor underflow. A start so far away that the others' squares would is
// not in sight of them: up to `arrival` it falls as if they were zero, by s' = -2 s|s|.
template <class S> struct Curve {
  S start, arrival, unit, sign, s0, target, kappa2, R, c, start_up, start_down;

  Curve(S s0_, S target_, S kappa_) : start(s0_) {
    const S sight =
        std::max(std::abs(target_), kappa_) / std::numeric_limits<S>::epsilon();
    const bool far = std::abs(start) > sight;
    arrival = far ? (1 / sight - 1 / std::abs(start)) / 2 : S(0);
    s0_ = far ? std::copysign(sight, start) : start;
    unit = std::max({std::abs(s0_), std::abs(target_), kappa_});
    sign = target_ < 0 || (target_ == 0 && s0_ < 0) ? S(-1) : S(1);
    const S scale = unit > 0 ? unit : S(1);
    s0 = sign * s0_ / scale;
    target = sign * target_ / scale;
    const S kappa = kappa_ / scale;
    kappa2 = kappa * kappa;
    R = std::hypot(target, kappa);
    c = std::hypot(s0, kappa);
    start_up = s0 >= 0 ? c + s0 : kappa2 / (c - s0);
    start_down = s0 >= 0 ? (c > 0 ? kappa2 / (c + s0) : S(0)) : c - s0;
  }

  S operator()(S t) const {
    if (t == 0)
      return start;
    if (t <= arrival)
      return std::abs(start) > 1
                 ? std::copysign(1 / (1 / std::abs(start) + 2 * t), start)
                 : start / (1 + 2 * std::abs(start) * t);
    if (unit == 0)
      return start;
    t -= arrival;
    const S y = 2 * R * (t * unit);
    S N;
    S h2;               // h^2
    S low;              // N - s*, without cancellation
    if (y < S(1e-30)) { // R = 0 or a vanishing time
      N = 1 / (t * unit);
      h2 = N * N;
      if (!(h2 < std::numeric_limits<S>::infinity()))
        return sign * s0 * unit;
      low = N - target;
    } else {
      S e;
      S m; // e^{-y} and 1 - e^{-y}, one transcendental for both
      if (y < 1) {
        m = -std::expm1(-y);
        e = 1 - m;
      } else {
        e = std::exp(-y);
        m = 1 - e;
      }
      N = R * (1 + e) / m;
      h2 = 4 * R * R * e / (m * m);
      low = target > 0 ? (h2 + kappa2) / (N + target) : N;
    }
    if (s0 >= 0) {
      const S top = 2 * target * (kappa2 + c * N + s0 * target) + h2 * s0;
      const S bottom = (start_down + N + target) * (start_up + low);
      // Both vanish only at the saddle kappa = s0 = 0, which stays where it is.
      return bottom > 0 ? sign * unit * (top / bottom) : sign * s0 * unit;
    }
    if (kappa2 == 0) // the curve cannot cross zero
      return sign * unit * (s0 * (h2 / ((N + target) * (start_down + N + target))));
    const S E = c * N - s0 * target;
    const S B =
        (s0 * s0 * (h2 + kappa2) + kappa2 * (h2 + kappa2 + target * target)) / E;
    const S up =
        2 * target * kappa2 * (1 + (s0 * s0 + h2 + kappa2 + target * target) / E);
    const S top = up + h2 * s0 * (B / E);
    return sign * unit * (top / ((start_down + N + target) * (start_up + low)));
  }
};

} // namespace

template <class S> S mode_value(S t, S s0, S target, S kappa) {
  if (std::isinf(kappa))
    return t > 0 ? target : s0;
  return Curve<S>(s0, target, kappa)(t);
}

template <class S> S mode_time(S s1, S s0, S target, S kappa) {
  const S never = std::numeric_limits<S>::infinity();
  if (s1 == s0)
    return 0;
  // The curve runs monotonically from s0 towards the target and never gets there.
  if (!((s0 < s1 && s1 < target) || (target < s1 && s1 < s0)))
    return never;
  if (std::isinf(kappa))
    return 0;
  if (kappa == 0 && (s0 == 0 || s1 == 0 || (s0 < 0) != (s1 < 0)))
    return never;
  const S unit = std::max({std::abs(s0), std::abs(s1), std::abs(target), kappa});
  // Flip signs so that e^u at the end points is mostly a sum of positive terms.
  const S sign = s0 + s1 < 0 ? S(-1) : S(1);
  const S k = kappa / unit;
  const S a = sign * s0 / unit;
  const S b = sign * s1 / unit;
  const S T = sign * target / unit;
  const S R = std::hypot(T, k);
  const S ca = std::hypot(a, k);
  const S cb = std::hypot(b, k);
  // kappa e^u at both ends; kappa squared alone could underflow.
  const S pa = a >= 0 ? ca + a : k * (k / (ca - a));
  const S pb = b >= 0 ? cb + b : k * (k / (cb - b));
  const S up = T >= 0 ? R + T : k * (k / (R - T));                 // kappa z_+
  const S down = T < 0 ? R - T : R > 0 ? k * (k / (R + T)) : S(0); // -kappa z_-
  // ratio - 1 of theory.md's logarithm divided by 2R; every factor is positive.
  // Differences are taken before scaling, where they are exact for close numbers.
  const S gap = ((s1 - s0) / (target - s1)) * ((pa + pb) / (ca + cb)) *
                ((R + cb) / (pb + up)) / (pa + down);
  const S y = 2 * R * gap;
  return (y < S(1e-30) ? gap : std::log1p(y) / (2 * R)) / unit;
}

template <class S>
void mode_curves(const Vector<S>& times,
                 const Vector<S>& s0,
                 const Vector<S>& target,
                 const Vector<S>& kappa,
                 Block<S> out) {
  if (s0.size() != target.size() || s0.size() != kappa.size() ||
      out.rows() != times.size() || out.cols() != s0.size())
    throw std::invalid_argument(
        "mode_curves: s0, target, kappa and out disagree in size");
  const Index curves = s0.size();
  for (Index i = 0; i < curves; ++i) {
    if (std::isinf(kappa[i])) {
      for (Index k = 0; k < times.size(); ++k)
        out(k, i) = times[k] > 0 ? target[i] : s0[i];
      continue;
    }
    const Curve<S> curve(s0[i], target[i], kappa[i]);
    for (Index k = 0; k < times.size(); ++k)
      out(k, i) = curve(times[k]);
  }
}

#define LINFLOW_INSTANTIATE(S)                                                         \
  template S mode_value<S>(S, S, S, S);                                                \
  template S mode_time<S>(S, S, S, S);                                                 \
  template void mode_curves<S>(const Vector<S>&,                                       \
                               const Vector<S>&,                                       \
                               const Vector<S>&,                                       \
                               const Vector<S>&,                                       \
                               Block<S>);
LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
