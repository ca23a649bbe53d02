// Dense output of exponential time differencing.
#include "linflow/exponential.hpp"

#include <algorithm>
#include <cmath>

namespace linflow {

// The weights of N in stages that look at one time, with N at the end in the place of
// N of the last stage, and at h/2 what then leads to the same end: the analogue of the
// cubic through values and slopes at both ends.
template <class Scalar>
double ExponentialMethod<Scalar>::finish_dense(System<Scalar>& /*system*/,
                                               Step<Scalar>& step) {
  const Index rest = flow_.size() - flow_.visible();
  const Index rows = flow_.d_out();
  auto middle = step.slopes.col(2);
  double squared = 0.0;
  const auto left = [&](Index j, Index i, Index n) {
    return step.stage.segment(j * rows + i, n).array();
  };
  const auto out = [&](Index j, Index i, Index n) {
    return middle.segment(j * rows + i, n).array();
  };
  for_parts(
      [&](Index j, Index i, Index n) {
        z_ = (last_.col(j).segment(i, n).array() / middle_.col(j).segment(i, n).array())
                 .max(Scalar(0)) // of a difference, which rounding may leave negative
                 .min(Scalar(1));
        out(j, i, n) += N(step, 1, j, i, n) + z_ * left(j, i, n);
      },
      [&](Index j, Index i, Index n) {
        z_ = left(j, i, n) / (in_decay_[j] * out_decay_.segment(i, n));
        out(j, i, n) += N(step, 1, j, i, n) + z_ / 2;
        squared += static_cast<double>(left(j, i, n).matrix().squaredNorm());
      });
  middle.tail(rest) +=
      step.slopes.col(1).tail(rest) + step.stage.tail(rest) / Scalar(2);
  step.slopes.col(3) -= step.stage;
  // Of e^{Λτ}G the error grows as τ⁴; of G it is largest at Λτ = 4.
  const double x = std::max(decay_ * step.h, 4.0);
  return step.h / 6.0 * std::exp(x - 4.0) * std::pow(4.0 / x, 4) * std::sqrt(squared);
}

// Growth from later stages is that of N among lazy directions, which has fallen as
// much.
template <class Scalar>
void ExponentialMethod<Scalar>::look_at_A(const Step<Scalar>& step,
                                          double theta,
                                          Block<Scalar> A) {
  const auto h = static_cast<Scalar>(step.h);
  const auto one = static_cast<Scalar>(theta);
  const Scalar two = one * one;
  const Scalar three = two * one;
  const Scalar start = h * (one - two * Scalar(1.5) + three * 2 / 3);
  const Scalar middle = h * (two - three * 2 / 3);
  const Scalar end = h * (three * 2 / 3 - two / 2);
  const auto decay = [h](Scalar time, const auto& rate) {
    return (-time * h * rate).exp();
  };
  from_start_ = decay(one, out_rate_);
  from_middle_ = decay(one - Scalar(0.5), out_rate_);
  from_end_ = decay(one - 1, out_rate_);
  const auto differencing = [&](Index j, Index i, Index n) {
    z_ = -one * h * (out_rate_.segment(i, n) + in_rate_[j]);
    phi_.compute(z_);
    const auto& phi1 = phi_.phi1;
    const auto& phi2 = phi_.phi2;
    const auto& phi3 = phi_.phi3;
    A.col(j).segment(i, n) =
        flow_.target().col(j).segment(i, n).array() +
        phi_.phi0 * G_.col(j).segment(i, n).array() +
        h * ((one * phi1 - 3 * two * phi2 + 4 * three * phi3) *
                 N_.col(j).segment(i, n).array() +
             (2 * two * phi2 - 4 * three * phi3) * N(step, 2, j, i, n) +
             (4 * three * phi3 - two * phi2) * N(step, 3, j, i, n));
  };
  const auto lawson = [&](Index j, Index i, Index n) {
    const auto since = [&](Scalar time) { return std::exp(-time * h * in_rate_[j]); };
    A.col(j).segment(i, n) =
        flow_.target().col(j).segment(i, n).array() +
        since(one) * from_start_.segment(i, n) *
            (G_.col(j).segment(i, n).array() +
             start * N_.col(j).segment(i, n).array()) +
        middle * since(one - Scalar(0.5)) * from_middle_.segment(i, n) *
            N(step, 2, j, i, n) +
        end * since(one - 1) * from_end_.segment(i, n) * N(step, 3, j, i, n);
  };
  for_parts(differencing, lawson);
}

template <class Scalar>
void ExponentialMethod<Scalar>::look(const Step<Scalar>& step,
                                     double theta,
                                     VectorOut<Scalar> y) {
  const Index shown = flow_.visible();
  const Index rest = y.size() - shown;
  Eigen::Map<Matrix<Scalar>> A(y.data(), flow_.d_out(), flow_.d_in());
  look_at_A(step, theta, A);
  if (rest > 0) {
    const auto h = static_cast<Scalar>(step.h);
    const auto one = static_cast<Scalar>(theta);
    const Scalar two = one * one;
    const Scalar three = two * one;
    const auto K = [&](Index column) {
      return step.slopes.col(column).segment(shown, rest);
    };
    y.tail(rest) =
        step.y.segment(shown, rest) +
        h * ((one - two * Scalar(1.5) + three * 2 / 3) * K(0) +
             (two - three * 2 / 3) * K(2) + (three * 2 / 3 - two / 2) * K(3));
  }
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
      A[i * (flow_.d_out() + 1)] -= static_cast<Scalar>(modes[i].gap);
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
                                            Eigen::Ref<Matrix<Scalar>> out) {
  const bool ready = nodes_.ready() && out.rows() == flow_.visible();
  if (ready) {
    nodes_.evaluate(thetas, out);
  }
  for (std::size_t i = 0; i < thetas.size(); ++i) {
    const double theta = thetas[i];
    auto y = out.col(static_cast<Index>(i));
    if (!ready) {
      look(step, theta, y);
    }
    exact_.at(theta * step.h, looked_at_);
    const double weight =
        step.h * theta * (1.0 - 1.5 * theta + 2.0 / 3.0 * theta * theta);
    add(looked_at_, weight, y);
  }
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template double ExponentialMethod<Scalar>::finish_dense(System<Scalar>&,             \
                                                          Step<Scalar>&);              \
  template void ExponentialMethod<Scalar>::look_at_A(                                  \
      const Step<Scalar>&, double, Block<Scalar>);                                     \
  template void ExponentialMethod<Scalar>::look(                                       \
      const Step<Scalar>&, double, VectorOut<Scalar>);                                 \
  template void ExponentialMethod<Scalar>::expect(                                     \
      const Step<Scalar>&, std::span<const double>, double);                           \
  template void ExponentialMethod<Scalar>::interpolate(                                \
      const Step<Scalar>&, std::span<const double>, Eigen::Ref<Matrix<Scalar>>);
LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
