#include "linflow/events.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace linflow {
namespace {

int sign_of(double value) { return (value > 0.0) - (value < 0.0); }

} // namespace

template <class Scalar>
EventWatch<Scalar>::EventWatch(Flow<Scalar>& flow, const std::vector<EventRule>& rules)
    : flow_(flow), rules_(rules), signs_(rules.size(), 0),
      spectrum_(flow.d_out(), flow.d_in()),
      singular_values_(std::min(flow.d_out(), flow.d_in())), y_(flow.visible()),
      A_(flow.d_out(), flow.d_in()), wide_(flow.d_out(), flow.d_in()) {}

template <class Scalar>
void EventWatch<Scalar>::look(double time, const Vector<Scalar>& y) {
  errors_ = flow_.look(y, A_);
  looked_at_ = time;
  values_known_ = false;
}

template <class Scalar>
double EventWatch<Scalar>::value(const EventRule& rule, double time) {
  switch (rule.kind) {
  case EventKind::mode_crosses:
    if (!values_known_) {
      spectrum_.singular_values(A_, singular_values_);
      values_known_ = true;
    }
    return singular_values_[rule.mode] - rule.level;
  case EventKind::train_below:
    return errors_.train - rule.level;
  case EventKind::test_minimum:
    return errors_.test; // its slope counts: value_at()
  case EventKind::function:
    wide_ = A_.template cast<double>();
    return rule.function(time, wide_);
  }
  return kNaN;
}

// For the minimum the slope of the test error, by a difference within the step.
template <class Scalar>
double EventWatch<Scalar>::value_at(const EventRule& rule,
                                    Integrator<Scalar>& integrator,
                                    double time) {
  const auto look_at = [&](double t) {
    if (looked_at_ != t) { // the rules of a step share their looks
      integrator.interpolate(t, y_);
      look(t, y_);
    }
  };
  if (rule.kind != EventKind::test_minimum) {
    look_at(time);
    return value(rule, time);
  }
  const double begin = integrator.step().t;
  const double end = begin + integrator.step().h;
  const double reach = 1e-3 * (end - begin);
  look_at(std::max(time - reach, begin));
  const double before = value(rule, time);
  look_at(std::min(time + reach, end));
  return value(rule, time) - before;
}

template <class Scalar> void EventWatch<Scalar>::begin(const Vector<Scalar>& y) {
  look(0.0, y);
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i].kind != EventKind::test_minimum) {
      signs_[i] = sign_of(value(rules_[i], 0.0));
    }
  }
}

// The Illinois variant of regula falsi, safeguarded by bisection: `sign` at the left.
template <class Scalar>
double EventWatch<Scalar>::locate(const EventRule& rule,
                                  Integrator<Scalar>& integrator,
                                  double left,
                                  double right,
                                  double sign) {
  double at_left = sign * value_at(rule, integrator, left);
  double at_right = sign * value_at(rule, integrator, right);
  if (!(at_left > 0.0)) {
    return left;
  }
  const double resolution = 1e-13 * std::abs(right) + 1e-12 * (right - left);
  for (int i = 0; i < 100 && right - left > resolution; ++i) {
    double middle = left + (right - left) * at_left / (at_left - at_right);
    if (i % 4 == 3 || !(middle > left && middle < right)) {
      middle = 0.5 * (left + right);
    }
    const double at_middle = sign * value_at(rule, integrator, middle);
    if (at_middle > 0.0) {
      left = middle;
      at_left = at_middle;
      at_right *= 0.5;
    } else if (at_middle < 0.0) {
      right = middle;
      at_right = at_middle;
      at_left *= 0.5;
    } else {
      return middle;
    }
  }
  return right; // the first time known to be beyond
}

template <class Scalar>
bool EventWatch<Scalar>::check(Integrator<Scalar>& integrator,
                               std::vector<Event>& found) {
  const double begin = integrator.step().t;
  const double h = integrator.step().h;
  of_step_.clear();
  looked_at_ = kNaN; // a rejected step may have ended at the same time
  for (const double part : {0.0, 0.5}) {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const auto& rule = rules_[i];
      const double left = begin + part * h;
      const double right = begin + (part + 0.5) * h;
      const int now = sign_of(value_at(rule, integrator, right));
      if (now == 0) {
        continue;
      }
      const int before = std::exchange(signs_[i], now);
      const bool wanted = (rule.kind != EventKind::test_minimum || now > 0) &&
                          (rule.direction == 0 || rule.direction == now);
      if (before != 0 && before != now && wanted) {
        of_step_.push_back({static_cast<Index>(i),
                            locate(rule, integrator, left, right, before),
                            now});
      }
    }
  }
  std::stable_sort(of_step_.begin(), of_step_.end(), [](const auto& a, const auto& b) {
    return a.time < b.time;
  });
  for (const auto& event : of_step_) {
    found.push_back(event);
    if (rules_[static_cast<std::size_t>(event.rule)].terminal) {
      return true;
    }
  }
  return false;
}

template class EventWatch<double>;
template class EventWatch<float>;

} // namespace linflow
