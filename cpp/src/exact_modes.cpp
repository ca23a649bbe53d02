#include "linflow/exact_modes.hpp"

#include "linflow/modes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace linflow {
namespace {

// κe^u of a = κ sinh u, and κe^{−u}.
struct Exponentials {
  Exponentials(double a, double kappa) {
    const double far = std::hypot(a, kappa) + std::abs(a);
    const double near = far > 0.0 ? kappa * (kappa / far) : 0.0;
    up = a < 0.0 ? near : far;
    down = a < 0.0 ? far : near;
  }
  double up, down;
};

// ln((s − a)/(s − a0)) and u − u0, without differences of what is nearly equal.
struct Growth {
  Growth(double target, double kappa, double a0, double a, double time) {
    const double R = std::hypot(target, kappa);
    if (R == 0.0) {
      gap = -std::log1p(2.0 * std::abs(a0) * time);
      u = std::copysign(1.0, a0) * gap;
      return;
    }
    const Exponentials first(a0, kappa);
    const Exponentials now(a, kappa);
    const double top = target + R; // e^u at the end
    const double learned = -std::expm1(-2.0 * R * time);
    const double left = 1.0 - learned;
    const double below = std::max(2.0 * R + (first.up - top) * learned,
                                  std::numeric_limits<double>::min());
    gap = -2.0 * R * time - std::log(below / (2.0 * R)) +
          std::log((top + now.down) / (top + first.down));
    u = std::log((top + kappa * (kappa / top) * left + first.down * learned) / below);
  }
  double gap, u;
};

} // namespace

template <class Scalar>
void ExactModes::begin(const GramFlow<Scalar>& flow,
                       const VectorIn<Scalar>& y,
                       Index count) {
  const auto [A, C1, C2] = flow.blocks(y);
  const auto& T = flow.target();
  starts_.clear();
  for (Index i = 0; i < count; ++i) {
    const auto a = static_cast<double>(A(i, i));
    const double m =
        0.5 * (static_cast<double>(C1(i, i)) + static_cast<double>(C2(i, i)));
    const double square = std::max((m - a) * (m + a), 0.0); // but for rounding
    const double kappa = std::sqrt(square);
    starts_.push_back({static_cast<double>(T(i, i)), a, kappa, std::hypot(a, kappa)});
  }
}

void ExactModes::at(double time, std::vector<ExactMode>& out) const {
  out.clear();
  for (const auto& start : starts_) {
    const double a = mode_value<double>(time, start.value, start.target, start.kappa);
    const double m = std::hypot(a, start.kappa);
    const double sum = m + start.half_trace;
    const double gap = a - start.target;
    const Growth growth(start.target, start.kappa, start.value, a, time);
    ExactMode mode;
    mode.value = a;
    mode.gap = gap;
    mode.slope = -2.0 * m * gap;
    mode.half_trace = m;
    mode.grown = sum > 0.0 ? (a - start.value) * ((a + start.value) / sum) : 0.0;
    mode.gram_slope = -2.0 * a * gap;
    mode.up = -gap - m;
    mode.down = gap - m;
    mode.went_up = 0.5 * (growth.gap + growth.u);
    mode.went_down = 0.5 * (growth.gap - growth.u);
    out.push_back(mode);
  }
}

Index ExactModes::active() const {
  const auto last = std::find_if(starts_.rbegin(), starts_.rend(), [](const Start& s) {
    return s.kappa < s.target;
  });
  return static_cast<Index>(starts_.rend() - last);
}

template void
ExactModes::begin<double>(const GramFlow<double>&, const VectorIn<double>&, Index);
template void
ExactModes::begin<float>(const GramFlow<float>&, const VectorIn<float>&, Index);

} // namespace linflow
