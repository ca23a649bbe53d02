#include "linflow/located_steps.hpp"

#include "linflow/error_interpolation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace linflow {
namespace {

constexpr Index kNodes = 9;
constexpr double kFirstLength = 32.0; // steps; the protocols' steps suit their runs
constexpr double kTolerance = 1e-4;   // relative to an error
constexpr double kShape = 1e-2;       // relative to what its logarithm changes

const std::vector<double>& nodes_of(std::size_t count) {
  static const std::array<std::vector<double>, 2> nodes{
      chebyshev_nodes(kNodes), chebyshev_nodes(2 * kNodes - 1)};
  return nodes[count == static_cast<std::size_t>(kNodes) ? 0 : 1];
}

// What is left out beyond the last coefficients of a Chebyshev series, over the change.
struct Tail {
  double size;
  double change;
};

Tail tail(const std::vector<Errors>& logs, double Errors::* which) {
  const auto& nodes = nodes_of(logs.size());
  const auto degree = static_cast<double>(logs.size() - 1);
  double last = 0.0;
  double before = 0.0;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    const double value = logs[i].*which;
    const bool at_end = i == 0 || i + 1 == logs.size();
    const double signed_value =
        (i % 2 == 0 ? 1.0 : -1.0) * (at_end ? 0.5 : 1.0) * value;
    last += signed_value;
    before += 2.0 * (1.0 - 2.0 * nodes[i]) * signed_value;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return {std::max(std::abs(last), std::abs(before) / 4.0) / degree, high - low};
}

} // namespace

template <class Scalar>
LocatedSteps<Scalar>::LocatedSteps(const Solution<Scalar>& solution,
                                   const Objective<Scalar>& turned,
                                   double step_size,
                                   Index most_steps)
    : solution_(&solution), objective_(&turned), evaluator_(solution.evaluator()),
      step_size_(step_size), last_step_(static_cast<double>(most_steps)),
      length_(kFirstLength), coordinates_(turned.d_out(), turned.d_in()),
      residual_(turned.d_out(), turned.d_in()) {}

template <class Scalar> Errors LocatedSteps<Scalar>::look(double step) {
  evaluator_->coordinates(step_size_ * step, coordinates_);
  residual_ = coordinates_ - objective_->target();
  return objective_->errors(residual_);
}

template <class Scalar> Errors LocatedSteps<Scalar>::look_log(double step) {
  const Errors errors = look(step);
  return {std::log(errors.train), std::log(errors.test)};
}

// Above 1 the interpolant is refused; so is one of errors that are zero or not finite.
template <class Scalar>
double LocatedSteps<Scalar>::misfit(const std::vector<Errors>& logs) const {
  constexpr double floor = 64.0 * std::numeric_limits<Scalar>::epsilon();
  double worst = 0.0;
  for (auto which : {&Errors::train, &Errors::test}) {
    if (which == &Errors::test && !objective_->has_truth()) {
      continue;
    }
    const Tail here = tail(logs, which);
    if (!std::isfinite(here.change)) {
      return std::numeric_limits<double>::infinity();
    }
    const double most = std::max(std::min(kTolerance, kShape * here.change), floor);
    worst = std::max(worst, here.size / most);
  }
  return worst;
}

template <class Scalar> void LocatedSteps<Scalar>::scan(double begin) {
  constexpr double length = kNodes - 1;
  intervals_.push_back({begin, begin + length, {}});
  length_ = 2.0 * length;
}

template <class Scalar> double LocatedSteps<Scalar>::smooth_length(double begin) const {
  // Intervals end a little before: rounding should not make a node lie beyond.
  const double after = begin + 1e-9 * (1.0 + begin);
  const double end = evaluator_->smooth_until(step_size_ * after) / step_size_;
  return (1.0 - 1e-12) * end - begin;
}

template <class Scalar> void LocatedSteps<Scalar>::add_interval() {
  const bool follows = !intervals_.empty() && !intervals_.back().logs.empty();
  Interval now{intervals_.empty() ? 0.0 : intervals_.back().end, 0.0, {}};
  std::optional<Errors> end;
  now.logs.resize(static_cast<std::size_t>(kNodes));
  now.logs[0] = follows ? intervals_.back().logs.back() : look_log(now.begin);
  // Two of one length rather than a long and a short one.
  const double left = std::min(last_step_ - now.begin, smooth_length(now.begin));
  if (length_ > 0.5 * left) {
    length_ = length_ < left ? 0.5 * left : left;
  }
  for (;; length_ *= 0.5) {
    if (length_ <= static_cast<double>(kNodes - 1)) {
      return scan(now.begin);
    }
    now.end = now.begin + length_;
    const auto& nodes = nodes_of(now.logs.size());
    for (std::size_t i = 1; i < nodes.size(); ++i) {
      const bool known = end && i + 1 == nodes.size();
      now.logs[i] = known ? *end : look_log(now.begin + nodes[i] * length_);
    }
    const double coarse = misfit(now.logs);
    if (coarse > 1.0) {
      end = now.logs[static_cast<std::size_t>(kNodes / 2)]; // of the half
      Interval fine = now;
      refine(fine);
      if (misfit(fine.logs) > 1.0) {
        continue;
      }
      now = std::move(fine);
    }
    intervals_.push_back(std::move(now));
    const double factor =
        0.9 * std::pow(coarse, -1.0 / static_cast<double>(kNodes - 1));
    length_ *= std::clamp(factor, 0.5, 4.0);
    return;
  }
}

template <class Scalar> void LocatedSteps<Scalar>::refine(Interval& interval) {
  const auto& nodes = nodes_of(2 * interval.logs.size() - 1);
  std::vector<Errors> logs(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    logs[i] =
        i % 2 == 0
            ? interval.logs[i / 2]
            : look_log(interval.begin + nodes[i] * (interval.end - interval.begin));
  }
  interval.logs = std::move(logs);
}

template <class Scalar> Errors LocatedSteps<Scalar>::measure() {
  const auto step = static_cast<double>(step_);
  if (const auto found = exact_.find(step_); found != exact_.end()) {
    return found->second;
  }
  if (step_ == 0) {
    return exact_[0] = look(0.0);
  }
  while (intervals_.empty() || step > intervals_.back().end) {
    add_interval();
  }
  while (step > intervals_[here_].end) {
    ++here_;
  }
  const Interval& interval = intervals_[here_];
  if (interval.logs.empty()) {
    return exact_[step_] = look(step);
  }
  const double theta = (step - interval.begin) / (interval.end - interval.begin);
  const Errors logs =
      interpolate_errors(nodes_of(interval.logs.size()), interval.logs, theta);
  return {std::exp(logs.train), std::exp(logs.test)};
}

template <class Scalar> bool LocatedSteps<Scalar>::confirm(Index best, Index last) {
  const auto looked_at = exact_.size();
  for (const Index step : {last - 2, last - 1, last, best}) {
    if (step >= 0 && !exact_.contains(step)) {
      exact_[step] = look(static_cast<double>(step));
      if (step == best) {
        best_coordinates_ = coordinates_;
        kept_ = best;
      }
    }
  }
  // On a plateau of rounding errors each look moves the best step to a neighbour.
  constexpr int most_passes = 8;
  if (exact_.size() == looked_at || ++passes_ == most_passes) {
    return true;
  }
  step_ = 0; // once more, with what is known now
  here_ = 0;
  return false;
}

template <class Scalar> void LocatedSteps<Scalar>::product(Matrix<Scalar>& out) const {
  Matrix<Scalar> now(objective_->d_out(), objective_->d_in());
  solution_->evaluator()->coordinates(step_size_ * static_cast<double>(step_), now);
  solution_->product(now, out);
}

template <class Scalar> bool LocatedSteps<Scalar>::remembered(Matrix<Scalar>& out) {
  if (kept_ != best_) {
    look(static_cast<double>(best_));
    best_coordinates_ = coordinates_;
    kept_ = best_;
  }
  solution_->product(best_coordinates_, out);
  return true;
}

template class LocatedSteps<double>;
template class LocatedSteps<float>;

} // namespace linflow
