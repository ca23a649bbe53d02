// Events of a flow: sign changes of functions of its state, located on the dense
// output.
#pragma once

#include "linflow/flow.hpp"
#include "linflow/spectrum.hpp"

#include <functional>
#include <vector>

namespace linflow {

enum class EventKind : std::int8_t {
  mode_crosses,
  train_below,
  test_minimum,
  function
};

struct EventRule {
  EventKind kind = EventKind::function;
  double level = 0.0; // of a mode or of the train error
  Index mode = 0;     // which singular value, from 0
  int direction = 0;  // +1: from below only, −1: from above only
  bool terminal = false;
  std::function<double(double time, const Matrix<double>& A)> function;
};

struct Event {
  Index rule = 0; // its index
  double time = 0.0;
  int direction = 0; // +1: from below
};

// Looks at the middle and the end of every step, so that two crossings in one step are
// seen when half a step parts them; a step with a change of sign is searched. A value
// of exactly zero has no sign: it neither starts nor ends a crossing by itself.
template <class Scalar> class EventWatch {
public:
  EventWatch(Flow<Scalar>& flow, const std::vector<EventRule>& rules);

  [[nodiscard]] bool empty() const { return rules_.empty(); }
  void begin(const Vector<Scalar>& y);
  // Appends the events of the integrator's step, in the order of their times, up to the
  // first terminal one; true when there is one. Needs prepare_dense().
  bool check(Integrator<Scalar>& integrator, std::vector<Event>& found);

private:
  void look(double time, const Vector<Scalar>& y);
  // At the state last looked at.
  double value(const EventRule& rule, double time);
  double value_at(const EventRule& rule, Integrator<Scalar>& integrator, double time);
  double locate(const EventRule& rule,
                Integrator<Scalar>& integrator,
                double left,
                double right,
                double sign);

  Flow<Scalar>& flow_;
  const std::vector<EventRule>& rules_;
  std::vector<int> signs_; // the last sign that each value had
  std::vector<Event> of_step_;
  Spectrum<Scalar> spectrum_;
  Vector<double> singular_values_;
  Vector<Scalar> y_;
  Matrix<Scalar> A_;
  Matrix<double> wide_; // A for a user's function
  Errors errors_;
  double looked_at_ = kNaN; // the time of A_, errors_ and, where known, the values
  bool values_known_ = false;
};

} // namespace linflow
