// Steps under error control, with methods chosen by name or by the system's stiffness.
//
// Error norm. A network's weights matter through products, so that the error of a state
// is measured as a whole, ‖δy‖_F, in units that a rotation of hidden, input or output
// space does not change. Allowed per step is
//     atol + rtol·max(‖y − y(0)‖, ‖y' − y(0)‖),
// not rtol·‖y‖: in the lazy regime ‖y‖ is large, hardly moves, and all of A is in the
// motion. The caller's atol stands for the start (flow.hpp).
#pragma once

#include "linflow/integrators/chebyshev.hpp"
#include "linflow/integrators/controller.hpp"
#include "linflow/integrators/runge_kutta.hpp"

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace linflow {

struct IntegratorOptions {
  std::string method = "auto"; // euler, rk4, dopri5, tsit5, dop853, …
  double rtol = 1e-6;
  double atol = 0.0;
  double fixed_step = 0.0; // > 0: steps of this size, no error control
  double first_step = 0.0; // > 0: the first attempt; 0: from the slopes at the start
  double growth = 10.0;    // most of a step over the one before
  // And attempts; then "auto" goes on from a special method to one for every system,
  // where there is another, and else gives up.
  double most_steps = std::numeric_limits<double>::infinity();
};

// A stretch of the run that one method made.
struct Segment {
  std::string method;
  double begin = 0.0;
  double end = 0.0;
  Index steps = 0;
  Index rejected = 0;
  Index evaluations = 0;
};

template <class Scalar> class Integrator {
public:
  // `special` is a method that this system has beside those of every system: it is
  // named by options.method, or "auto" begins with it.
  Integrator(System<Scalar>& system,
             const IntegratorOptions& options,
             std::unique_ptr<Method<Scalar>> special = nullptr);

  // Starts from y at t = 0; evaluates f(y).
  void begin(const VectorIn<Scalar>& y);
  void set_atol(double atol) { options_.atol = atol; }

  // Makes one accepted step, not beyond `limit`, but does not move on: the step can be
  // looked at. False when the step size fell below the resolution of time.
  bool attempt(double limit);
  // To be called before interpolate(): false when the step is too long for its dense
  // output, and has to be attempted again (shorter; that is arranged).
  bool prepare_dense();
  // All times in the step that interpolate() will be asked for: more of them may cost
  // less than one by one.
  void expect(std::span<const double> times);
  // y(t) within the step that attempt() made, as many leading entries as out has.
  void interpolate(double t, Vector<Scalar>& out);
  // The same at some times at once, a column for each.
  void interpolate(std::span<const double> times, Matrix<Scalar>& out);
  // Moves to the end of the step, or to t within it (which costs one slope).
  void commit();
  void commit_at(double t);

  [[nodiscard]] double time() const { return step_.t; }
  [[nodiscard]] const Step<Scalar>& step() const { return step_; }
  [[nodiscard]] const Vector<Scalar>& state() const { return step_.y; }
  [[nodiscard]] auto slope() const { return step_.slopes.col(0); }
  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }

private:
  double first_step(double limit);
  double moved(const Vector<Scalar>& y) const;
  double tolerance() const;
  void use(Method<Scalar>* method);
  void update_radius();
  double radius_by_power_iteration();
  void choose_method();
  void go_on_with(Method<Scalar>* method);

  System<Scalar>& system_;
  IntegratorOptions options_;
  std::unique_ptr<RungeKutta<Scalar>> explicit_; // the non-stiff method
  std::unique_ptr<Method<Scalar>> stabilised_;
  std::unique_ptr<Method<Scalar>> special_;
  bool switching_ = false;
  Method<Scalar>* method_ = nullptr;
  Step<Scalar> step_;
  PiController controller_;
  std::vector<Segment> segments_;
  std::vector<double> thetas_; // expected
  Vector<Scalar> start_;
  Vector<Scalar> direction_; // of the power iteration, kept from one to the next
  double start_size_ = 0.0;  // ‖y(0)‖
  double moved_ = 0.0;       // ‖y − y(0)‖
  double next_moved_ = 0.0;
  double end_ = 0.0;      // of the step that attempt() made
  double proposed_ = 0.0; // size of the next attempt
  double after_ = 0.0;    // proposed_ once the step is committed
  Index radius_age_ = 0;
  int votes_ = 0;      // steps running that spoke for the other method
  Index patience_ = 0; // steps before the stabilised method is tried again
  Index backoff_ = 20;
};

} // namespace linflow
