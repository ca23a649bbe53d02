// What an integrator sees: an autonomous system ẏ = f(y), and the step it is making.
#pragma once

#include "linflow/types.hpp"

#include <limits>
#include <span>
#include <string_view>

namespace linflow {

template <class Scalar> class System {
public:
  System() = default;
  System(const System&) = delete;
  System& operator=(const System&) = delete;
  virtual ~System() = default;

  [[nodiscard]] virtual Index size() const = 0;
  virtual void slope(const VectorIn<Scalar>& y, VectorOut<Scalar> dy) = 0;
  // An upper bound of the Jacobian's spectral radius at the y of the last slope(), when
  // there is one that costs less than a slope; NaN otherwise.
  virtual double radius_bound(const VectorIn<Scalar>& /*y*/) { return kNaN; }
};

// One step from (t, y), with what its interpolant needs: y(t + θh) = y + h Σ_i b_i(θ)
// k_i over the first `columns` slopes. Made once for the largest method.
template <class Scalar> struct Step {
  Step(Index size, Index slope_count)
      : y(size), next(size), stage(size), slopes(size, slope_count) {}

  double t = 0.0;
  double h = 0.0;
  Vector<Scalar> y;
  Vector<Scalar> next;
  Vector<Scalar> stage;  // buffer; after an attempt, the last stage before the end
  Matrix<Scalar> slopes; // k_i; column 0 is f(y)
  Index end_slope = 0;   // the column of f(next)
  double radius = kNaN;  // bound of the spectral radius, for stabilised methods
  Index evaluations = 0; // right-hand sides so far, over all steps
  std::span<const double> dense; // coefficients of b_i, `degree` for each
  int columns = 0;
  int degree = 0;
};

// out = y + h Σ_i c_i k_i, as many leading entries as out has, in blocks that stay in
// the first-level cache.
template <class Scalar>
void combine(const Vector<Scalar>& y,
             double h,
             std::span<const double> weights,
             const Matrix<Scalar>& slopes,
             Vector<Scalar>& out);

// ‖h Σ_i c_i k_i‖_F, summed in float64.
template <class Scalar>
double
combined_norm(double h, std::span<const double> weights, const Matrix<Scalar>& slopes);

// y(t + θh) of the finished step, a column for each of at most kMostTimes θ, as many
// leading entries as out has. The slopes are read once for all of them: from the third-
// level cache or beyond, at d = 200, which costs more than the arithmetic.
inline constexpr int kMostTimes = 16;
template <class Scalar>
void interpolate(const Step<Scalar>& step,
                 std::span<const double> thetas,
                 Block<Scalar> out);

// One way of making a step.
template <class Scalar> class Method {
public:
  Method() = default;
  Method(const Method&) = delete;
  Method& operator=(const Method&) = delete;
  virtual ~Method() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual int error_order() const = 0; // estimate is O(h^(this + 1))
  // Whether stability may bound its steps on a stiff system.
  [[nodiscard]] virtual bool bounded() const { return true; }
  // Columns of Step::slopes that it uses.
  [[nodiscard]] virtual Index slope_count() const = 0;
  // Fills next, f(next) and the dense output for a step of size h; returns the norm of
  // the estimated error. slopes.col(0) is f(y).
  virtual double attempt(System<Scalar>& system, Step<Scalar>& step, double h) = 0;
  // Further slopes that the dense output needs, when it is asked for; returns an
  // estimate of the error between the ends that attempt() did not see.
  virtual double finish_dense(System<Scalar>& /*system*/, Step<Scalar>& /*step*/) {
    return 0.0;
  }
  // Called at the start of every step: true when it may be of any size.
  virtual bool finishes(const Step<Scalar>& /*step*/, double /*tolerance*/) {
    return false;
  }
  // Largest step from there that its estimate can judge.
  [[nodiscard]] virtual double longest() const {
    return std::numeric_limits<double>::infinity();
  }
  // All points of the finished step that interpolate() will be asked for, ascending,
  // after finish_dense(); `tolerance` is what the step may err.
  virtual void expect(const Step<Scalar>& /*step*/,
                      std::span<const double> /*thetas*/,
                      double /*tolerance*/) {}
  // y(t + θh) of the finished step, as linflow::interpolate does from its slopes.
  virtual void interpolate(const Step<Scalar>& step,
                           std::span<const double> thetas,
                           Block<Scalar> out) {
    linflow::interpolate<Scalar>(step, thetas, out);
  }
};

} // namespace linflow
