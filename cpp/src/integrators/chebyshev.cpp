#include "linflow/integrators/chebyshev.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace linflow {
namespace {

constexpr double kReach = 1.54; // h ρ ≤ (s² − 1)/1.54
constexpr double kMostStages = 500.0;

// Columns: f(y), Δy/h and f(next) carry the Hermite interpolant; the others are
// buffers.
constexpr Index kMean = 1;
constexpr Index kEnd = 2;
constexpr Index kBuffer = 3;
constexpr double kHermite[] = {
    1,
    -2,
    1, //
    0,
    3,
    -2, //
    0,
    -1,
    1, //
};

} // namespace

template <class Scalar> Index Chebyshev<Scalar>::stages(double h, double radius) {
  const double s = 1.0 + std::floor(std::sqrt(1.0 + kReach * h * radius));
  return static_cast<Index>(std::clamp(s, 2.0, 4.0 * kMostStages));
}

template <class Scalar>
double Chebyshev<Scalar>::largest_step(double radius, double rtol) {
  const double epsilon = std::numeric_limits<Scalar>::epsilon();
  const double most = std::clamp(std::sqrt(rtol / (10.0 * epsilon)), 2.0, kMostStages);
  return radius > 0.0 ? (most * most - 1.0) / kReach / radius
                      : std::numeric_limits<double>::infinity();
}

template <class Scalar>
double
Chebyshev<Scalar>::attempt(System<Scalar>& system, Step<Scalar>& step, double h) {
  const Index s = stages(h, step.radius);
  const auto m = static_cast<double>(s);
  const double w0 = 1.0 + 2.0 / (13.0 * m * m);
  const double square = w0 * w0 - 1.0;
  const double root = std::sqrt(square);
  const double argument = m * std::log(w0 + root);
  const double w1 = std::sinh(argument) * square /
                    (std::cosh(argument) * m * root - w0 * std::sinh(argument));

  // T_j, T_j' and T_j'' at w0, and b_j = T_j''/T_j'², b_0 = b_1 = b_2.
  double b1 = 1.0 / (4.0 * w0 * w0);
  double b2 = b1;
  double z1 = w0, z2 = 1.0, dz1 = 1.0, dz2 = 0.0, ddz1 = 0.0, ddz2 = 0.0;

  auto& k = step.slopes;
  Index current = kBuffer;
  Index previous = kBuffer + 1;
  k.col(previous) = step.y;
  k.col(current) = step.y + static_cast<Scalar>(h * w1 * b1) * k.col(0);
  for (Index j = 2; j <= s; ++j) {
    const double z = 2.0 * w0 * z1 - z2;
    const double dz = 2.0 * w0 * dz1 - dz2 + 2.0 * z1;
    const double ddz = 2.0 * w0 * ddz1 - ddz2 + 4.0 * dz1;
    const double b = ddz / (dz * dz);
    const double mu = 2.0 * w0 * b / b1;
    const double nu = -b / b2;
    const double mu_slope = h * mu * w1 / w0;
    const double a1 = 1.0 - z1 * b1;
    system.slope(k.col(current), k.col(kEnd));
    k.col(previous) = static_cast<Scalar>(1.0 - mu - nu) * step.y +
                      static_cast<Scalar>(mu) * k.col(current) +
                      static_cast<Scalar>(nu) * k.col(previous) +
                      static_cast<Scalar>(mu_slope) * k.col(kEnd) -
                      static_cast<Scalar>(mu_slope * a1) * k.col(0);
    std::swap(current, previous);
    b2 = std::exchange(b1, b);
    z2 = std::exchange(z1, z);
    dz2 = std::exchange(dz1, dz);
    ddz2 = std::exchange(ddz1, ddz);
  }
  step.next = k.col(current);
  system.slope(step.next, k.col(kEnd));
  step.evaluations += s;
  k.col(kMean) = (step.next - step.y) / static_cast<Scalar>(h);
  step.h = h;
  step.end_slope = kEnd;
  step.dense = kHermite;
  step.degree = 3;
  step.columns = 3;
  const double weights[] = {0.4, -0.8, 0.4};
  return combined_norm(h, weights, k);
}

template class Chebyshev<double>;
template class Chebyshev<float>;

} // namespace linflow
