// Dense output of exponential time differencing.
#include "linflow/exponential.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace linflow {
namespace {

// Exponent of the decay in a step from which on N may fall as fast, unseen between its
// nodes: then the second difference of N is what it was at the start, and the parabola
// through it wrong by up to half of that over Λ.
constexpr double kFast = 2.0;

} // namespace

// The weights of N in stages that look at one time, with N at the end in the place of
// N of the last stage, and at h/2 what then leads to the same end: the analogue of the
// cubic through values and slopes at both ends.
template <class Scalar>
double ExponentialMethod<Scalar>::finish_dense(System<Scalar>& /*system*/,
                                               Step<Scalar>& step) {
  auto middle = step.slopes.col(2);
  const auto h = static_cast<Scalar>(step.h);
  constexpr Scalar tiny = std::numeric_limits<Scalar>::min();
  double squared = 0.0;
  double fast = 0.0;
  const auto left = [&](const Part& part) { return entries(step.stage, part); };
  const auto out = [&](const Part& part) {
    return middle.segment(part.at, part.size).array();
  };
  for_parts(
      [&](const Part& part) {
        auto z = z_.head(part.size);
        z = (entries(last_, part) / entries(middle_, part))
                .max(Scalar(0)) // of a difference, which rounding may leave negative
                .min(Scalar(1));
        out(part) += entries(step, 1, part) + z * left(part);
        z = h * (rows(mean_, part) + column(mean_, part));
        z = (z + static_cast<Scalar>(kFast)).min(Scalar(0)).square() /
            (z * z * z + tiny);
        z *= entries(N_, part) - out(part) + entries(step, 3, part) - left(part);
        fast += static_cast<double>(z.matrix().squaredNorm());
      },
      [&](const Part& part) {
        auto z = z_.head(part.size);
        z = left(part) / (column(lazy_decay_, part) * rows(lazy_decay_, part));
        out(part) += entries(step, 1, part) + z / 2;
        squared += static_cast<double>(left(part).matrix().squaredNorm());
      },
      [&](const Part& part) { out(part) += entries(step, 1, part) + left(part) / 2; });
  step.slopes.col(3) -= step.stage;
  // Of e^{Λτ}G the error grows as τ⁴; of G it is largest at Λτ = 4.
  const double x = std::max(decay_ * step.h, 4.0);
  const double lazy =
      step.h / 6.0 * std::exp(x - 4.0) * std::pow(4.0 / x, 4) * std::sqrt(squared);
  return std::max(lazy, 0.5 * step.h * std::sqrt(fast));
}

// Growth from later stages is that of N among lazy directions, which has fallen as
// much.
template <class Scalar>
void ExponentialMethod<Scalar>::look_at_parts(const Step<Scalar>& step,
                                              double theta,
                                              bool whole) {
  const auto h = static_cast<Scalar>(step.h);
  const auto one = static_cast<Scalar>(theta);
  const Scalar two = one * one;
  const Scalar three = two * one;
  const Scalar start = h * (one - two * Scalar(1.5) + three * 2 / 3);
  const Scalar middle = h * (two - three * 2 / 3);
  const Scalar end = h * (three * 2 / 3 - two / 2);
  const auto decay = [&](Scalar time, Sides& out) {
    out.out = (-time * h * lazy_.out).exp();
    out.in = (-time * h * lazy_.in).exp();
  };
  decay(one, from_start_);
  decay(one - Scalar(0.5), from_middle_);
  decay(one - 1, from_end_);
  scale(looked_at_, theta * step.h);
  delta_.resize(flow_.size());
  const auto differencing = [&](const Part& part) {
    auto z = z_.head(part.size);
    z = one * h * (rows(mean_, part) + column(mean_, part));
    phi_.compute(z);
    const auto phi1 = phi_.phi1();
    const auto phi2 = phi_.phi2();
    const auto phi3 = phi_.phi3();
    place(delta_, part) =
        column(unscale_, part) * rows(unscale_, part) *
        (phi_.phi0() * entries(start_, part) +
         h * ((one * phi1 - 3 * two * phi2 + 4 * three * phi3) * entries(N_, part) +
              (2 * two * phi2 - 4 * three * phi3) * entries(step, 2, part) +
              (4 * three * phi3 - two * phi2) * entries(step, 3, part)));
  };
  const auto lawson = [&](const Part& part) {
    const auto since = [&](const Sides& sides) {
      return column(sides, part) * rows(sides, part);
    };
    place(delta_, part) =
        since(from_start_) * (entries(start_, part) + start * entries(N_, part)) +
        middle * since(from_middle_) * entries(step, 2, part) +
        end * since(from_end_) * entries(step, 3, part);
  };
  const auto plain = [&](const Part& part) {
    if (whole) {
      place(delta_, part) = entries(start_, part) + start * entries(N_, part) +
                            middle * entries(step, 2, part) +
                            end * entries(step, 3, part);
    }
  };
  for_parts(differencing, lawson, plain);
}

template <class Scalar>
void ExponentialMethod<Scalar>::look(const Step<Scalar>& step,
                                     double theta,
                                     VectorOut<Scalar> y) {
  const bool whole = y.size() > flow_.visible();
  exact_.at(theta * step.h, looked_at_);
  look_at_parts(step, theta, whole);
  coordinates_.from(delta_, whole);
  if (whole) {
    add_modes(Scalar(1), looked_at_, delta_);
  } else {
    add_target(Scalar(1), flow_.mutable_blocks(delta_).A);
  }
  y = delta_.head(y.size());
}

template <class Scalar>
void ExponentialMethod<Scalar>::expect(const Step<Scalar>& step,
                                       std::span<const double> thetas,
                                       double tolerance) {
  nodes_.clear();
  if (thetas.size() < 24) {
    return;
  }
  const Index shown = flow_.visible();
  nodes_.reserve(shown);
  const auto without = [&](const Vector<Scalar>& y, const Modes& modes, auto A) {
    A = y.head(shown);
    for (Index i = 0; i < count_; ++i) {
      A[i * (flow_.d_out() + 1)] -= static_cast<Scalar>(in_A(modes, i));
    }
  };
  without(step.y, at_start_, nodes_.value(0));
  without(step.next, at_end_, nodes_.value(1));
  nodes_.make(thetas.size(), tolerance, [&](double theta, VectorOut<Scalar> A) {
    look(step, theta, A);
    return true;
  });
}

template <class Scalar>
void ExponentialMethod<Scalar>::interpolate(const Step<Scalar>& step,
                                            std::span<const double> thetas,
                                            Block<Scalar> out) {
  const bool whole = out.rows() > flow_.visible();
  const bool ready = nodes_.ready() && !whole;
  if (ready) {
    nodes_.evaluate(thetas, out);
  }
  for (std::size_t i = 0; i < thetas.size(); ++i) {
    auto y = out.col(static_cast<Index>(i));
    if (ready) {
      exact_.at(thetas[i] * step.h, looked_at_);
    } else {
      look(step, thetas[i], y);
    }
    for (Index k = 0; k < count_ && !whole; ++k) {
      y[k * (flow_.d_out() + 1)] += static_cast<Scalar>(in_A(looked_at_, k));
    }
  }
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template double ExponentialMethod<Scalar>::finish_dense(System<Scalar>&,             \
                                                          Step<Scalar>&);              \
  template void ExponentialMethod<Scalar>::look_at_parts(                              \
      const Step<Scalar>&, double, bool);                                              \
  template void ExponentialMethod<Scalar>::look(                                       \
      const Step<Scalar>&, double, VectorOut<Scalar>);                                 \
  template void ExponentialMethod<Scalar>::expect(                                     \
      const Step<Scalar>&, std::span<const double>, double);                           \
  template void ExponentialMethod<Scalar>::interpolate(                                \
      const Step<Scalar>&, std::span<const double>, Block<Scalar>);
LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
