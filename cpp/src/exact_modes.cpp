#include "linflow/exact_modes.hpp"

#include "linflow/modes.hpp"

#include <algorithm>
#include <cmath>

namespace linflow {

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
    out.push_back({gap,
                   -2.0 * m * gap,
                   sum > 0.0 ? (a - start.value) * ((a + start.value) / sum) : 0.0,
                   -2.0 * a * gap});
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
