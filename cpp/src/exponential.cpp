#include "linflow/exponential.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace linflow {
namespace {

// Of steps with lazy directions: exponent of the decay beyond which nothing is told of
// N before it from N after it; and of what directions decay unlike their diagonal
// entries.
constexpr double kMostDecay = 16.0;
constexpr double kMostSpread = 2.5;
// The latter over the former: beyond, some directions hardly decay at all.
constexpr double kMostUneven = 0.75;

// Reach of the spectrum about the diagonal, where what is beside it is random (a semi-
// circle): without the first rows and columns.
template <class Scalar>
double spectral_spread(const Eigen::Map<const Matrix<Scalar>>& C, Index without) {
  const Index n = C.rows() - without;
  if (n <= 0) {
    return 0.0;
  }
  const auto block = C.bottomRightCorner(n, n);
  const auto squares =
      static_cast<double>(block.squaredNorm() - block.diagonal().squaredNorm());
  return 2.0 * std::sqrt(std::max(squares, 0.0) / static_cast<double>(n));
}

} // namespace

template <class Scalar>
ExponentialMethod<Scalar>::ExponentialMethod(const GramFlow<Scalar>& flow, Index modes)
    : flow_(flow), count_(modes) {}

template <class Scalar>
bool ExponentialMethod<Scalar>::finishes(const Step<Scalar>& step, double tolerance) {
  const auto [A, C1, C2] = flow_.blocks(step.y);
  const auto F = flow_.blocks(step.slopes.col(0)).A;
  exact_.template begin<Scalar>(flow_, step.y, count_);
  exact_.at(0.0, at_start_);
  out_rate_ = C2.diagonal().array().max(Scalar(0));
  in_rate_ = C1.diagonal().array().max(Scalar(0));
  G_ = A - flow_.target();
  const auto left = static_cast<double>(G_.norm());
  N_.resize(A.rows(), A.cols());
  for (Index j = 0; j < A.cols(); ++j) {
    if (j < count_) {
      G_(j, j) = 0;
    }
    N_.col(j) = F.col(j).array() + (out_rate_ + in_rate_[j]) * G_.col(j).array();
    if (j < count_) {
      N_(j, j) -= static_cast<Scalar>(at_start_[j].slope);
    }
  }
  active_ = exact_.active();
  const auto fastest = [this](const Column& rate) {
    const Index lazy = rate.size() - active_;
    return lazy > 0 ? static_cast<double>(rate.tail(lazy).maxCoeff()) : 0.0;
  };
  decay_ = fastest(out_rate_) + fastest(in_rate_);
  const double spread =
      spectral_spread<Scalar>(C2, active_) + spectral_spread<Scalar>(C1, active_);
  const bool done = 2.0 * left <= tolerance;
  if (done || !(spread <= kMostUneven * decay_)) {
    active_ = std::max(A.rows(), A.cols());
  }
  longest_ = active_ < std::max(A.rows(), A.cols())
                 ? std::min(kMostDecay / decay_, kMostSpread / spread)
                 : std::numeric_limits<double>::infinity();
  return done;
}

template <class Scalar>
void ExponentialMethod<Scalar>::prepare(const Step<Scalar>& step) {
  const auto h = static_cast<Scalar>(step.h);
  exact_.at(0.5 * step.h, at_middle_);
  exact_.at(step.h, at_end_);
  out_decay_ = (-h / 2 * out_rate_).exp();
  in_decay_ = (-h / 2 * in_rate_).exp();
  prepare_weights(h);
}

template <class Scalar> void ExponentialMethod<Scalar>::prepare_weights(Scalar h) {
  for (auto* M : {&half_weight_, &first_, &middle_, &last_}) {
    M->resize(G_.rows(), G_.cols());
  }
  const auto weigh = [&](Index j, Index i, Index n) {
    z_ = -h / 2 * (out_rate_.segment(i, n) + in_rate_[j]);
    phi_.compute(z_);
    const auto& phi0 = phi_.phi0;
    const auto& phi1 = phi_.phi1;
    const auto& phi2 = phi_.phi2;
    const auto& phi3 = phi_.phi3;
    half_weight_.col(j).segment(i, n) = h / 2 * phi1;
    // At twice the argument.
    const auto one = phi1 * (phi0 + 1) / 2;
    const auto two = (phi1.square() + 2 * phi2) / 4;
    const auto three = (phi1 * phi2 + phi2 + 2 * phi3) / 8;
    first_.col(j).segment(i, n) = h * (one - 3 * two + 4 * three);
    middle_.col(j).segment(i, n) = h * (2 * two - 4 * three);
    last_.col(j).segment(i, n) = h * (4 * three - two);
  };
  for_parts(weigh, [](Index, Index, Index) {});
}

template <class Scalar>
void ExponentialMethod<Scalar>::make_stage(const Step<Scalar>& step,
                                           int stage,
                                           Block<Scalar> A) const {
  const auto h = static_cast<Scalar>(step.h);
  const auto part = [](const Matrix<Scalar>& M, Index j, Index i, Index n) {
    return M.col(j).segment(i, n).array();
  };
  const auto differencing = [&](Index j, Index i, Index n) {
    const auto decay = in_decay_[j] * out_decay_.segment(i, n);
    const auto T = part(flow_.target(), j, i, n);
    const auto G = part(G_, j, i, n);
    const auto N0 = part(N_, j, i, n);
    const auto half = part(half_weight_, j, i, n);
    auto out = A.col(j).segment(i, n).array();
    if (stage == 1) {
      out = T + decay * G + half * N0;
    } else if (stage == 2) {
      out = T + decay * G + half * N(step, 1, j, i, n);
    } else if (stage == 3) { // from the first stage, of h/2
      out = T + decay * (decay * G + half * N0) + half * (2 * N(step, 2, j, i, n) - N0);
    } else {
      out = T + decay * (decay * G) + part(first_, j, i, n) * N0 +
            part(middle_, j, i, n) * (N(step, 1, j, i, n) + N(step, 2, j, i, n)) +
            part(last_, j, i, n) * N(step, 3, j, i, n);
    }
  };
  const auto lawson = [&](Index j, Index i, Index n) {
    const auto decay = in_decay_[j] * out_decay_.segment(i, n);
    const auto T = part(flow_.target(), j, i, n);
    const auto G = part(G_, j, i, n);
    const auto N0 = part(N_, j, i, n);
    auto out = A.col(j).segment(i, n).array();
    if (stage == 1) {
      out = T + decay * (G + h / 2 * N0);
    } else if (stage == 2) {
      out = T + decay * G + h / 2 * N(step, 1, j, i, n);
    } else if (stage == 3) {
      out = T + decay * (decay * G + h * N(step, 2, j, i, n));
    } else {
      out = T +
            decay * (decay * (G + h / 6 * N0) +
                     h / 3 * (N(step, 1, j, i, n) + N(step, 2, j, i, n))) +
            h / 6 * N(step, 3, j, i, n);
    }
  };
  for_parts(differencing, lawson);
}

template <class Scalar>
void ExponentialMethod<Scalar>::add(const Modes& modes,
                                    double weight,
                                    VectorOut<Scalar> y) const {
  const bool whole = y.size() > flow_.visible();
  const Index rows = flow_.d_out();
  const Index columns = flow_.d_in();
  Scalar* const C1 = y.data() + flow_.visible();
  Scalar* const C2 = C1 + columns * columns;
  for (Index i = 0; i < count_; ++i) {
    y[i * (rows + 1)] += static_cast<Scalar>(modes[i].gap);
    if (whole) {
      const auto grown =
          static_cast<Scalar>(modes[i].grown - weight * at_start_[i].gram_slope);
      C1[i * (columns + 1)] += grown;
      C2[i * (rows + 1)] += grown;
    }
  }
}

template <class Scalar>
void ExponentialMethod<Scalar>::make_state(const Step<Scalar>& step,
                                           int stage,
                                           VectorOut<Scalar> y) const {
  const Index rest = flow_.size() - flow_.visible();
  const auto h = static_cast<Scalar>(step.h);
  const auto C = step.y.tail(rest);
  const auto K = [&](Index column) { return step.slopes.col(column).tail(rest); };
  make_stage(step, stage, flow_.mutable_blocks(y).A);
  if (stage == 1) {
    y.tail(rest) = C + h / 2 * K(0);
  } else if (stage == 2) {
    y.tail(rest) = C + h / 2 * K(1);
  } else if (stage == 3) {
    y.tail(rest) = C + h * K(2);
  } else {
    y.tail(rest) = C + h / 6 * (K(0) + Scalar(2) * (K(1) + K(2)) + K(3));
  }
  const double weight = stage == 1 ? step.h / 2 : stage == 4 ? step.h / 6 : 0.0;
  add(stage < 3 ? at_middle_ : at_end_, weight, y);
}

template <class Scalar>
void ExponentialMethod<Scalar>::slope(System<Scalar>& system,
                                      Step<Scalar>& step,
                                      Index column,
                                      const Modes& modes) {
  auto out = step.slopes.col(column);
  system.slope(step.stage, out);
  ++step.evaluations;
  const auto A = flow_.blocks(step.stage).A;
  const auto& T = flow_.target();
  auto [N, K1, K2] = flow_.mutable_blocks(out);
  for (Index j = 0; j < A.cols(); ++j) {
    N.col(j).array() += (out_rate_ + in_rate_[j]) * (A.col(j) - T.col(j)).array();
  }
  for (Index i = 0; i < count_; ++i) {
    const auto& mode = modes[i];
    N(i, i) -= static_cast<Scalar>(mode.slope) +
               (out_rate_[i] + in_rate_[i]) * static_cast<Scalar>(mode.gap);
    K1(i, i) -= static_cast<Scalar>(mode.gram_slope);
    K2(i, i) -= static_cast<Scalar>(mode.gram_slope);
  }
}

// The last stage and the end are both at t + h: the difference of N there, with the
// weight of the former.
template <class Scalar>
double ExponentialMethod<Scalar>::error(Step<Scalar>& step) const {
  const auto [A, C1, C2] = flow_.blocks(step.next);
  const auto [F, K1, K2] = flow_.blocks(step.slopes.col(4));
  auto out = flow_.mutable_blocks(step.stage);
  const Index rest = flow_.size() - flow_.visible();
  step.stage.tail(rest) = step.slopes.col(3).tail(rest) - step.slopes.col(4).tail(rest);
  for (Index j = 0; j < A.cols(); ++j) {
    auto left = out.A.col(j).array();
    left = N(step, 3, j, 0, A.rows()) - F.col(j).array() -
           (out_rate_ + in_rate_[j]) * (A.col(j) - flow_.target().col(j)).array();
    if (j < count_) {
      const auto& mode = at_end_[j];
      left[j] += static_cast<Scalar>(mode.slope) +
                 (out_rate_[j] + in_rate_[j]) * static_cast<Scalar>(mode.gap);
      out.C1(j, j) += static_cast<Scalar>(mode.gram_slope);
      out.C2(j, j) += static_cast<Scalar>(mode.gram_slope);
    }
  }
  const double sixth = step.h / 6.0;
  const auto in_C = sixth * static_cast<double>(step.stage.tail(rest).norm());
  double squared = in_C * in_C;
  for_parts(
      [&](Index j, Index i, Index n) {
        squared += static_cast<double>(out.A.col(j)
                                           .segment(i, n)
                                           .cwiseProduct(last_.col(j).segment(i, n))
                                           .squaredNorm());
      },
      [&](Index j, Index i, Index n) {
        squared += sixth * sixth *
                   static_cast<double>(out.A.col(j).segment(i, n).squaredNorm());
      });
  return std::sqrt(squared);
}

template <class Scalar>
double ExponentialMethod<Scalar>::attempt(System<Scalar>& system,
                                          Step<Scalar>& step,
                                          double h) {
  step.h = h;
  step.end_slope = 4;
  nodes_.clear();
  prepare(step);
  for (int stage = 1; stage <= 3; ++stage) {
    make_state(step, stage, step.stage);
    slope(system, step, stage, stage < 3 ? at_middle_ : at_end_);
  }
  make_state(step, 4, step.next);
  system.slope(step.next, step.slopes.col(4));
  ++step.evaluations;
  return error(step);
}

template <class Scalar>
double exponential_first_step(const GramFlow<Scalar>& flow,
                              const Vector<Scalar>& state,
                              double top,
                              double rtol) {
  const auto [A, C1, C2] = flow.blocks(state);
  const double rate =
      static_cast<double>(C1.diagonal().maxCoeff() + C2.diagonal().maxCoeff());
  return 5.0 * std::pow(rtol, 0.25) / std::max(rate, top + 1e-100);
}

template double exponential_first_step<double>(const GramFlow<double>&,
                                               const Vector<double>&,
                                               double,
                                               double);
template double exponential_first_step<float>(const GramFlow<float>&,
                                              const Vector<float>&,
                                              double,
                                              double);
template class ExponentialMethod<double>;
template class ExponentialMethod<float>;

} // namespace linflow
