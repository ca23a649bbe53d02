#include "linflow/integrators/integrator.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace linflow {
namespace {

const Tableau& tableau_of(const std::string& method, double rtol) {
  if (method == "euler") {
    return kEuler;
  }
  if (method == "rk4") {
    return kRk4;
  }
  if (method == "dopri5") {
    return kDormandPrince;
  }
  if (method == "tsit5") {
    return kTsitouras;
  }
  if (method == "dop853") {
    return kDop853;
  }
  // Right-hand sides per accuracy, measured in bench/bench_flow.py.
  return rtol > 3e-5 ? kTsitouras : kDop853;
}

} // namespace

template <class Scalar>
Integrator<Scalar>::Integrator(System<Scalar>& system,
                               const IntegratorOptions& options,
                               std::unique_ptr<Method<Scalar>> special)
    : system_(system), options_(options),
      explicit_(std::make_unique<RungeKutta<Scalar>>(
          tableau_of(options.method, options.rtol))),
      stabilised_(std::make_unique<Chebyshev<Scalar>>()), special_(std::move(special)),
      switching_(options.method == "auto" && !special_),
      step_(system.size(),
            special_ && options.method != "auto"
                ? special_->slope_count()
                : std::max({explicit_->slope_count(),
                            stabilised_->slope_count(),
                            special_ ? special_->slope_count() : Index(0)})) {
  if (options.method == "rkc2") {
    method_ = stabilised_.get();
  } else if (special_) {
    if (options.method != special_->name() && options.method != "auto") {
      throw std::invalid_argument("integrator: method and options disagree");
    }
    method_ = special_.get();
  } else {
    method_ = explicit_.get();
  }
}

template <class Scalar> void Integrator<Scalar>::begin(const VectorIn<Scalar>& y) {
  start_ = y;
  start_size_ = static_cast<double>(y.norm());
  step_.y = y;
  step_.t = 0.0;
  system_.slope(step_.y, step_.slopes.col(0));
  ++step_.evaluations;
  segments_.push_back({std::string(method_->name()), 0.0, 0.0, 0, 0, 1});
}

template <class Scalar>
double Integrator<Scalar>::moved(const Vector<Scalar>& y) const {
  return static_cast<double>((y - start_).norm());
}

// What a step may err, never below what rounding does.
template <class Scalar> double Integrator<Scalar>::tolerance() const {
  const double epsilon = std::numeric_limits<Scalar>::epsilon();
  const double motion = std::max(moved_, next_moved_);
  return std::max(options_.atol + options_.rtol * motion,
                  8.0 * epsilon * (start_size_ + motion)) +
         std::numeric_limits<double>::min();
}

// As Hairer, Nørsett, Wanner I, II.4, in units of its own: with the speed ‖f‖ and the
// rate ‖ḟ‖/‖f‖ at which it turns, a step's error is about ‖f‖h(h·rate)^(k−1); the first
// shall be half the tolerance.
template <class Scalar> double Integrator<Scalar>::first_step(double limit) {
  const double span = limit - step_.t;
  if (options_.fixed_step > 0.0) {
    return options_.fixed_step;
  }
  if (options_.first_step > 0.0) {
    return options_.first_step;
  }
  const auto f = step_.slopes.col(0);
  const auto speed = static_cast<double>(f.norm());
  if (!(speed > 0.0)) {
    return span;
  }
  const double allowed = tolerance();
  const double trial = std::min(0.01 * allowed / options_.rtol / speed, span);
  step_.stage = step_.y + static_cast<Scalar>(trial) * f;
  system_.slope(step_.stage, step_.slopes.col(1));
  ++step_.evaluations;
  const double rate =
      static_cast<double>((step_.slopes.col(1) - f).norm()) / trial / speed;
  const double k = method_->error_order() + 1.0;
  const double fine =
      std::pow(0.5 * allowed / speed, 1.0 / k) / std::pow(rate, 1.0 - 1.0 / k);
  return std::min({100.0 * trial, std::isfinite(fine) ? fine : span, span});
}

template <class Scalar> bool Integrator<Scalar>::attempt(double limit) {
  if (proposed_ == 0.0) {
    proposed_ = first_step(limit);
  }
  const bool fixed = options_.fixed_step > 0.0;
  const bool stable_method = method_ == stabilised_.get();
  if (!fixed && method_->finishes(step_, tolerance())) {
    proposed_ = limit - step_.t;
  }
  if (!fixed) {
    proposed_ = std::min(proposed_, method_->longest());
  }
  for (;;) {
    if (stable_method) {
      if (!(radius_age_ > 0)) {
        update_radius();
      }
      if (!fixed) {
        proposed_ = std::min(
            proposed_, Chebyshev<Scalar>::largest_step(step_.radius, options_.rtol));
      }
    }
    const double left = limit - step_.t;
    double h = proposed_;
    const bool lands = h * 1.01 >= left;
    if (lands) {
      h = left;
    } else if (!fixed && h > 0.5 * left) {
      h = 0.5 * left; // two equal steps rather than a long and a tiny one
    }
    const double resolution =
        16.0 * std::numeric_limits<double>::epsilon() * std::abs(step_.t);
    if (!lands && (h <= resolution || !(h > 1e-300))) {
      return false;
    }
    const auto& segment = segments_.back();
    if (method_ == special_.get() &&
        static_cast<double>(segment.steps + segment.rejected) >= options_.most_steps) {
      if (options_.method != "auto") {
        return false;
      }
      switching_ = true;
      go_on_with(explicit_.get());
    }
    const double error = method_->attempt(system_, step_, h);
    end_ = lands ? limit : step_.t + h; // t + (limit − t) need not be limit
    next_moved_ = moved(step_.next);
    if (fixed) {
      after_ = proposed_;
      return std::isfinite(error);
    }
    const double ratio = std::isfinite(next_moved_)
                             ? error / tolerance()
                             : std::numeric_limits<double>::infinity();
    if (ratio <= 1.0) {
      const double next =
          h * controller_.accepted(ratio, method_->error_order(), method_->bounded());
      after_ =
          h < 0.9 * proposed_ ? std::max(next, std::min(proposed_, 4.0 * next)) : next;
      after_ = std::min(after_, options_.growth * h);
      return true;
    }
    proposed_ = h * controller_.rejected(ratio, method_->error_order());
    ++segments_.back().rejected;
    radius_age_ = 0;
  }
}

template <class Scalar> bool Integrator<Scalar>::prepare_dense() {
  const double ratio = method_->finish_dense(system_, step_) / tolerance();
  if (options_.fixed_step > 0.0 || !(ratio > 0.0)) {
    return true;
  }
  const double factor = 0.9 * std::pow(ratio, -1.0 / (method_->error_order() + 1.0));
  if (ratio <= 1.0) {
    after_ = std::min(after_, std::max(factor, 1.0) * step_.h);
    return true;
  }
  proposed_ = step_.h * std::max(factor, 0.3);
  ++segments_.back().rejected;
  return false;
}

template <class Scalar> void Integrator<Scalar>::expect(std::span<const double> times) {
  thetas_.clear();
  for (const double t : times) {
    thetas_.push_back((t - step_.t) / step_.h);
  }
  method_->expect(step_, thetas_, tolerance());
}

template <class Scalar>
void Integrator<Scalar>::interpolate(double t, Vector<Scalar>& out) {
  const double theta = (t - step_.t) / step_.h;
  method_->interpolate(step_, {&theta, 1}, out);
}

template <class Scalar>
void Integrator<Scalar>::interpolate(std::span<const double> times,
                                     Matrix<Scalar>& out) {
  std::array<double, kMostTimes> thetas{};
  for (std::size_t first = 0; first < times.size(); first += thetas.size()) {
    const std::size_t count = std::min(thetas.size(), times.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      thetas.at(i) = (times[first + i] - step_.t) / step_.h;
    }
    method_->interpolate(
        step_,
        {thetas.data(), count},
        out.middleCols(static_cast<Index>(first), static_cast<Index>(count)));
  }
}

template <class Scalar> void Integrator<Scalar>::commit() {
  if (switching_) {
    choose_method();
  }
  step_.y.swap(step_.next);
  step_.slopes.col(0) = step_.slopes.col(step_.end_slope);
  step_.t = end_;
  moved_ = next_moved_;
  proposed_ = after_;
  auto& segment = segments_.back();
  ++segment.steps;
  segment.end = step_.t;
  segment.evaluations = step_.evaluations;
  for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
    segment.evaluations -= segments_[i].evaluations;
  }
  radius_age_ = radius_age_ > 0 ? radius_age_ - 1 : 0;
  if (switching_ && segment.method != method_->name()) {
    go_on_with(method_);
  }
}

template <class Scalar> void Integrator<Scalar>::go_on_with(Method<Scalar>* method) {
  method_ = method;
  segments_.push_back({std::string(method_->name()), step_.t, step_.t, 0, 0, 0});
  controller_.reset();
}

template <class Scalar> void Integrator<Scalar>::commit_at(double t) {
  interpolate(t, step_.next);
  system_.slope(step_.next, step_.slopes.col(step_.end_slope));
  ++step_.evaluations;
  step_.h = t - step_.t;
  end_ = t;
  next_moved_ = moved(step_.next);
  after_ = proposed_;
  commit();
}

template <class Scalar> void Integrator<Scalar>::update_radius() {
  const double bound = system_.radius_bound(step_.y);
  if (std::isfinite(bound)) {
    step_.radius = bound;
    radius_age_ = 1;
  } else {
    step_.radius = radius_by_power_iteration();
    radius_age_ = 20;
  }
}

// Nonlinear power iteration as in RKC: f(y + δ) − f(y) along its own direction, warm
// from the last time; 1.2 makes up for iterations that end early.
template <class Scalar> double Integrator<Scalar>::radius_by_power_iteration() {
  auto& k = step_.slopes;
  const Index column = k.cols() - 1;
  const double size = std::max(start_size_ + moved_, 1e-100);
  const double delta =
      std::sqrt(static_cast<double>(std::numeric_limits<Scalar>::epsilon())) * size;
  if (direction_.size() == 0) {
    direction_ = k.col(0);
    if (!(direction_.norm() > Scalar(0))) {
      direction_.setOnes();
    }
  }
  double radius = 0.0;
  for (int i = 0; i < 50; ++i) {
    const auto length = static_cast<double>(direction_.norm());
    step_.stage = step_.y + static_cast<Scalar>(delta / length) * direction_;
    system_.slope(step_.stage, k.col(column));
    ++step_.evaluations;
    direction_ = k.col(column) - k.col(0);
    const double previous = radius;
    radius = static_cast<double>(direction_.norm()) / delta;
    if (!(radius > 0.0)) {
      direction_.resize(0);
      return 0.0;
    }
    if (std::abs(radius - previous) < 0.02 * radius) {
      break;
    }
  }
  return 1.2 * radius;
}

// Non-stiff → stabilised: the steps have stood at the border of stability for a while.
// Back: when the stabilised method pays more per time than the other would there. Each
// vain attempt doubles the time until the next.
template <class Scalar> void Integrator<Scalar>::choose_method() {
  const auto& tableau = explicit_->tableau();
  if (method_ == explicit_.get()) {
    if (patience_ > 0) {
      --patience_;
      return;
    }
    // Where the border is known from a bound, near it; the estimate from the step
    // itself sees the fast directions only once they oscillate.
    const double bound = step_.h * system_.radius_bound(step_.next);
    const bool near = std::isfinite(bound)
                          ? bound > 0.5 * tableau.real_stability
                          : explicit_->stiffness(step_) > 0.7 * tableau.real_stability;
    votes_ = near ? votes_ + 1 : 0;
    if (votes_ >= 3) {
      votes_ = 0;
      method_ = stabilised_.get();
      radius_age_ = 0;
    }
    return;
  }
  const auto paid =
      static_cast<double>(Chebyshev<Scalar>::stages(step_.h, step_.radius)) / step_.h;
  const double other = tableau.stages * step_.radius / (0.9 * tableau.real_stability);
  votes_ = paid > other ? votes_ + 1 : 0;
  if (votes_ >= 2) {
    votes_ = 0;
    patience_ = segments_.back().steps < 10 ? backoff_ : 5;
    backoff_ = segments_.back().steps < 10 ? 2 * backoff_ : 20;
    method_ = explicit_.get();
    after_ = std::max(after_, 0.5 * tableau.real_stability / step_.radius);
  }
}

template class Integrator<double>;
template class Integrator<float>;

} // namespace linflow
