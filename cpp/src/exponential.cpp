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
// Of a mode, relatively, what may be left to be learned by one that is.
constexpr double kLearned = 0.003;
// Exponent of the growth of a mode in a step.
constexpr double kMostGrowth = 3.0;

// Reach of the spectrum, without the first rows and columns: that of the diagonal, or
// about it, where what is beside it is random (a semicircle).
template <class Scalar>
double spectral_spread(const Eigen::Map<const Matrix<Scalar>>& C, Index without) {
  const Index n = C.rows() - without;
  if (n <= 0) {
    return 0.0;
  }
  const auto block = C.bottomRightCorner(n, n);
  const auto diagonal = block.diagonal();
  const auto squares =
      static_cast<double>(block.squaredNorm() - diagonal.squaredNorm());
  return std::max(2.0 * std::sqrt(std::max(squares, 0.0) / static_cast<double>(n)),
                  static_cast<double>(diagonal.maxCoeff() - diagonal.minCoeff()));
}

bool is_learned(const ExactMode& mode) {
  return std::abs(mode.gap) <= kLearned * std::abs(mode.value);
}

} // namespace

template <class Scalar>
ExponentialMethod<Scalar>::ExponentialMethod(const GramFlow<Scalar>& flow,
                                             Index modes,
                                             double rtol)
    : flow_(flow), count_(modes), rtol_(rtol), coordinates_(flow, modes),
      z_(std::max(flow.d_out(), flow.d_in())) {}

template <class Scalar>
void ExponentialMethod<Scalar>::rates(const Modes& modes,
                                      double ExactMode::* down,
                                      double ExactMode::* up,
                                      double time,
                                      Sides& out) const {
  out.out = -lazy_.out.replicate(2, 1);
  out.in = -lazy_.in.replicate(2, 1);
  for (std::size_t i = 0; i < modes.size(); ++i) {
    out.out[static_cast<Index>(i)] = static_cast<Scalar>(modes[i].*down / time);
    out.in[static_cast<Index>(i)] = static_cast<Scalar>(modes[i].*up / time);
  }
}

template <class Scalar>
void ExponentialMethod<Scalar>::scale(const Modes& modes, double time) {
  for (auto* sides : {&scale_, &unscale_}) {
    sides->out.setOnes(2 * lazy_.out.size());
    sides->in.setOnes(2 * lazy_.in.size());
  }
  for (Index i = 0; i < (active_ > 0 ? count_ : Index(0)); ++i) {
    const auto& mode = modes[static_cast<std::size_t>(i)];
    const double out = static_cast<double>(mean_.out[i]) * time - mode.went_down;
    const double in = static_cast<double>(mean_.in[i]) * time - mode.went_up;
    scale_.out[i] = static_cast<Scalar>(std::exp(out));
    scale_.in[i] = static_cast<Scalar>(std::exp(in));
    unscale_.out[i] = static_cast<Scalar>(std::exp(-out));
    unscale_.in[i] = static_cast<Scalar>(std::exp(-in));
  }
}

template <class Scalar>
void ExponentialMethod<Scalar>::add_target(Scalar sign, Block<Scalar> A) const {
  const Index rows = A.rows() - active_;
  const Index columns = A.cols() - active_;
  A.bottomRightCorner(rows, columns) +=
      sign * flow_.target().bottomRightCorner(rows, columns);
}

template <class Scalar>
void ExponentialMethod<Scalar>::add_modes(Scalar sign,
                                          const Modes& modes,
                                          Vector<Scalar>& y) const {
  auto [A, C1, C2] = flow_.mutable_blocks(y);
  add_target(sign, A);
  for (Index i = 0; i < count_; ++i) {
    A(i, i) += sign * static_cast<Scalar>(in_A(modes, i));
    const auto grown = static_cast<Scalar>(modes[static_cast<std::size_t>(i)].grown);
    const bool whole = i < active_;
    C1(i, i) += sign * (grown + (whole ? lazy_.in[i] : Scalar(0)));
    C2(i, i) += sign * (grown + (whole ? lazy_.out[i] : Scalar(0)));
  }
}

template <class Scalar>
void ExponentialMethod<Scalar>::nonlinear(const Modes& modes,
                                          const Vector<Scalar>& delta,
                                          bool scaled,
                                          VectorOut<Scalar> slope) {
  auto [dA, dC1, dC2] = flow_.mutable_blocks(slope);
  for (Index i = 0; i < count_; ++i) {
    const auto& mode = modes[static_cast<std::size_t>(i)];
    dA(i, i) -= static_cast<Scalar>(mode.slope);
    dC1(i, i) -= static_cast<Scalar>(mode.gram_slope);
    dC2(i, i) -= static_cast<Scalar>(mode.gram_slope);
  }
  coordinates_.to(slope);
  rates(modes, &ExactMode::down, &ExactMode::up, 1.0, rate_);
  for_parts(
      [&](const Part& part) {
        auto out = slope.segment(part.at, part.size).array();
        out -= (rows(rate_, part) + column(rate_, part)) * entries(delta, part);
        if (scaled) {
          out *= column(scale_, part) * rows(scale_, part);
        }
      },
      [&](const Part& part) {
        slope.segment(part.at, part.size).array() +=
            (rows(lazy_, part) + column(lazy_, part)) * entries(delta, part);
      },
      [](const Part&) {});
}

template <class Scalar>
bool ExponentialMethod<Scalar>::finishes(const Step<Scalar>& step, double tolerance) {
  const auto [A, C1, C2] = flow_.blocks(step.y);
  exact_.template begin<Scalar>(flow_, step.y, count_);
  exact_.at(0.0, at_start_);
  lazy_.out = C2.diagonal().array().max(Scalar(0));
  lazy_.in = C1.diagonal().array().max(Scalar(0));
  active_ = exact_.active();
  learned_ = 0;
  while (learned_ < active_ &&
         is_learned(at_start_[static_cast<std::size_t>(learned_)])) {
    ++learned_;
  }
  const auto fastest = [this](const Column& rate) {
    const Index lazy = rate.size() - active_;
    return lazy > 0 ? static_cast<double>(rate.tail(lazy).maxCoeff()) : 0.0;
  };
  decay_ = fastest(lazy_.out) + fastest(lazy_.in);
  const double spread =
      spectral_spread<Scalar>(C2, active_) + spectral_spread<Scalar>(C1, active_);
  const bool done = 2.0 * static_cast<double>((A - flow_.target()).norm()) <= tolerance;
  uneven_ = done || !(spread <= kMostUneven * decay_);
  longest_ = uneven_ || decay_ == 0.0
                 ? std::numeric_limits<double>::infinity()
                 : std::min(kMostDecay / decay_, kMostSpread / spread);
  growth_ = 0.0;
  for (const auto& mode : at_start_) {
    growth_ = std::max(growth_, mode.up);
  }
  longest_ = std::min(longest_, kMostGrowth / growth_);
  weigh_growth(step.y, tolerance);
  coordinates_.set_range(learned_, active_);
  start_ = step.y;
  add_modes(Scalar(-1), at_start_, start_);
  coordinates_.to(start_);
  N_ = step.slopes.col(0);
  nonlinear(at_start_, start_, false, N_);
  return done;
}

template <class Scalar> void ExponentialMethod<Scalar>::prepare(double h) {
  exact_.at(0.5 * h, at_middle_);
  exact_.at(h, at_end_);
  rates(at_end_, &ExactMode::went_down, &ExactMode::went_up, h, mean_);
  scale(at_middle_, 0.5 * h);
  const auto step = static_cast<Scalar>(h);
  half_decay_.out = (step / 2 * mean_.out).exp();
  half_decay_.in = (step / 2 * mean_.in).exp();
  lazy_decay_.out = (-step / 2 * lazy_.out).exp();
  lazy_decay_.in = (-step / 2 * lazy_.in).exp();
  for (auto* weights : {&half_weight_, &first_, &middle_, &last_}) {
    weights->resize(flow_.size());
  }
  const auto weigh = [&](const Part& part) {
    auto z = z_.head(part.size);
    z = step / 2 * (rows(mean_, part) + column(mean_, part));
    phi_.compute(z);
    const auto phi0 = phi_.phi0();
    const auto phi1 = phi_.phi1();
    const auto phi2 = phi_.phi2();
    const auto phi3 = phi_.phi3();
    place(half_weight_, part) = step / 2 * phi1;
    // At twice the argument.
    const auto one = phi1 * (phi0 + 1) / 2;
    const auto two = (phi1.square() + 2 * phi2) / 4;
    const auto three = (phi1 * phi2 + phi2 + 2 * phi3) / 8;
    place(first_, part) = step * (one - 3 * two + 4 * three);
    place(middle_, part) = step * (2 * two - 4 * three);
    place(last_, part) = step * (4 * three - two);
  };
  for_parts(weigh, [](const Part&) {}, [](const Part&) {});
}

template <class Scalar>
void ExponentialMethod<Scalar>::make_stage(const Step<Scalar>& step, int stage) {
  const auto h = static_cast<Scalar>(step.h);
  delta_.resize(flow_.size());
  const auto N = [&](Index column, const Part& part) {
    return entries(step, column, part);
  };
  const auto differencing = [&](const Part& part) {
    const auto decay = column(half_decay_, part) * rows(half_decay_, part);
    const auto back = column(unscale_, part) * rows(unscale_, part);
    const auto D = entries(start_, part);
    const auto N0 = entries(N_, part);
    const auto half = entries(half_weight_, part);
    auto out = place(delta_, part);
    if (stage == 1) {
      out = back * (decay * D + half * N0);
    } else if (stage == 2) {
      out = back * (decay * D + half * N(1, part));
    } else if (stage == 3) { // from the first stage, of h/2
      out = decay * (decay * D + half * N0) + half * (2 * N(2, part) - N0);
    } else {
      out = decay * (decay * D) + entries(first_, part) * N0 +
            entries(middle_, part) * (N(1, part) + N(2, part)) +
            entries(last_, part) * N(3, part);
    }
  };
  const auto lawson = [&](const Part& part) {
    const auto decay = column(lazy_decay_, part) * rows(lazy_decay_, part);
    const auto G = entries(start_, part);
    const auto N0 = entries(N_, part);
    auto out = place(delta_, part);
    if (stage == 1) {
      out = decay * (G + h / 2 * N0);
    } else if (stage == 2) {
      out = decay * G + h / 2 * N(1, part);
    } else if (stage == 3) {
      out = decay * (decay * G + h * N(2, part));
    } else {
      out = decay * (decay * (G + h / 6 * N0) + h / 3 * (N(1, part) + N(2, part))) +
            h / 6 * N(3, part);
    }
  };
  const auto plain = [&](const Part& part) {
    const auto C = entries(start_, part);
    const auto N0 = entries(N_, part);
    auto out = place(delta_, part);
    if (stage == 1) {
      out = C + h / 2 * N0;
    } else if (stage == 2) {
      out = C + h / 2 * N(1, part);
    } else if (stage == 3) {
      out = C + h * N(2, part);
    } else {
      out = C + h / 6 * (N0 + 2 * (N(1, part) + N(2, part)) + N(3, part));
    }
  };
  for_parts(differencing, lawson, plain);
}

template <class Scalar>
double ExponentialMethod<Scalar>::attempt(System<Scalar>& system,
                                          Step<Scalar>& step,
                                          double h) {
  step.h = h;
  step.end_slope = 4;
  nodes_.clear();
  prepare(h);
  for (int stage = 1; stage <= 4; ++stage) {
    const bool end = stage == 4;
    const Modes& modes = stage < 3 ? at_middle_ : at_end_;
    auto& state = end ? step.next : step.stage;
    auto slope = step.slopes.col(stage);
    make_stage(step, stage);
    state = delta_;
    coordinates_.from(state);
    add_modes(Scalar(1), modes, state);
    system.slope(state, slope);
    ++step.evaluations;
    if (!end) {
      nonlinear(modes, delta_, stage < 3, slope);
    }
  }
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
  const double spread = spectral_spread<Scalar>(C2, 0) + spectral_spread<Scalar>(C1, 0);
  // The more directions are alike, the smaller N is.
  const double alike = std::clamp(rate / (spread + 1e-100), 1.0, 100.0);
  return 3.6 * std::pow(alike, 0.2) * std::pow(rtol, 0.25) /
         std::max(rate, top + 1e-100);
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
