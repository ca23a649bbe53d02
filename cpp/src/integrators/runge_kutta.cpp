#include "linflow/integrators/runge_kutta.hpp"

#include <array>
#include <cmath>

namespace linflow {

template <class Scalar>
double
RungeKutta<Scalar>::attempt(System<Scalar>& system, Step<Scalar>& step, double h) {
  std::size_t offset = 0;
  for (int i = 1; i < tableau_.stages; ++i) {
    const auto length = static_cast<std::size_t>(i);
    combine(step.y, h, tableau_.a.subspan(offset, length), step.slopes, step.stage);
    system.slope(step.stage, step.slopes.col(i));
    offset += length;
  }
  combine(step.y, h, tableau_.b, step.slopes, step.next);
  system.slope(step.next, step.slopes.col(tableau_.stages));
  step.evaluations += tableau_.stages;
  step.h = h;
  step.end_slope = tableau_.stages;
  step.dense = tableau_.dense;
  step.degree = tableau_.degree;
  step.columns = tableau_.slopes();

  const double error = combined_norm(h, tableau_.error, step.slopes);
  if (tableau_.error3.empty()) {
    return error;
  }
  // DOP853: two estimates make one of the right order that is not fooled by either.
  const double error3 = combined_norm(h, tableau_.error3, step.slopes);
  const double both = std::sqrt(error * error + 0.01 * error3 * error3);
  return both > 0.0 ? error * (error / both) : 0.0;
}

template <class Scalar>
double RungeKutta<Scalar>::finish_dense(System<Scalar>& system, Step<Scalar>& step) {
  std::size_t offset = 0;
  for (int i = 0; i < tableau_.extra; ++i) {
    const int column = tableau_.stages + 1 + i;
    const auto length = static_cast<std::size_t>(column);
    combine(step.y,
            step.h,
            tableau_.extra_a.subspan(offset, length),
            step.slopes,
            step.stage);
    system.slope(step.stage, step.slopes.col(column));
    ++step.evaluations;
    offset += length;
  }
  if (tableau_.extra == 0) {
    return 0.0;
  }
  // The last term of DOP853's interpolant is d θ⁴(1 − θ)³, at most 0.0084 d, with d the
  // coefficient of θ⁷ up to sign. It falls short only near the border of stability.
  std::array<double, 16> weights{};
  const auto count = static_cast<std::size_t>(tableau_.slopes());
  const auto degree = static_cast<std::size_t>(tableau_.degree);
  for (std::size_t i = 0; i < count; ++i) {
    weights.at(i) = tableau_.dense[(i + 1) * degree - 1];
  }
  return 0.0084 * combined_norm(step.h, {weights.data(), count}, step.slopes);
}

template <class Scalar>
double RungeKutta<Scalar>::stiffness(const Step<Scalar>& step) const {
  const Index s = tableau_.stages;
  const auto moved = static_cast<double>((step.next - step.stage).norm());
  const auto turned =
      static_cast<double>((step.slopes.col(s) - step.slopes.col(s - 1)).norm());
  return moved > 0.0 ? step.h * turned / moved : 0.0;
}

template class RungeKutta<double>;
template class RungeKutta<float>;

} // namespace linflow
