#include "linflow/integrators/lie.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {
namespace {

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

template <class Scalar>
LieMethod<Scalar>::LieMethod(Cost<Scalar>& cost, const LayerShape& shape)
    : cost_(cost), layers_(shape),
      strength_(std::abs(shape.scale) *
                *std::max_element(shape.rates.begin(), shape.rates.end())),
      A_(cost.d_out(), cost.d_in()), G_(cost.d_out(), cost.d_in()),
      half_(layers_.size()), term_(layers_.size()), next_term_(layers_.size()) {
  if (layers_.depth() != 2) {
    throw std::invalid_argument("lie4: two layers only");
  }
  for (auto& gradient : gradients_) {
    gradient.resize(cost.d_out(), cost.d_in());
  }
}

template <class Scalar>
void LieMethod<Scalar>::gradient(const VectorIn<Scalar>& y, std::size_t i) {
  layers_.product(y, A_);
  cost_.gradient(A_, gradients_.at(i));
}

// The Taylor series of e^X y, X = −hM, in pieces with ‖X‖ ≤ 1, until terms vanish
// beside y: each term is −hM times the one before, which is Layers::slope() of it.
template <class Scalar>
void LieMethod<Scalar>::move(double h,
                             std::array<double, 4> weights,
                             Vector<Scalar>& y) {
  G_.setZero();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights.at(i) != 0.0) {
      G_ += static_cast<Scalar>(weights.at(i)) * gradients_.at(i);
    }
  }
  const double size = std::abs(h) * strength_ * static_cast<double>(G_.norm());
  if (!std::isfinite(size) || size > 1e4) {
    y.setConstant(static_cast<Scalar>(kNaN)); // a step to be rejected
    return;
  }
  const double epsilon = std::numeric_limits<Scalar>::epsilon();
  const int pieces = std::max(1, static_cast<int>(std::ceil(size)));
  for (int piece = 0; piece < pieces; ++piece) {
    term_ = y;
    const auto whole = static_cast<double>(y.norm());
    for (int k = 1; k < 40; ++k) {
      layers_.slope(term_, G_, next_term_);
      term_ = static_cast<Scalar>(h / pieces / k) * next_term_;
      y += term_;
      if (static_cast<double>(term_.norm()) < 0.25 * epsilon * whole) {
        break;
      }
    }
  }
}

template <class Scalar>
double
LieMethod<Scalar>::attempt(System<Scalar>& system, Step<Scalar>& step, double h) {
  gradient(step.y, 0);
  half_ = step.y;
  move(0.5 * h, {1, 0, 0, 0}, half_);
  gradient(half_, 1);
  step.next = step.y;
  move(0.5 * h, {0, 1, 0, 0}, step.next);
  gradient(step.next, 2);
  step.next = half_;
  move(h, {-0.5, 0, 1, 0}, step.next);
  gradient(step.next, 3);
  step.next = step.y;
  move(h / 12.0, {3, 2, 2, -1}, step.next);
  move(h / 12.0, {-1, 2, 2, 3}, step.next);
  system.slope(step.next, step.slopes.col(2));
  gradient(step.next, 4);
  step.evaluations += 5;
  step.slopes.col(1) = (step.next - step.y) / static_cast<Scalar>(h);
  step.h = h;
  step.end_slope = 2;
  step.dense = kHermite;
  step.degree = 3;
  step.columns = 3;
  // h/6 (M_5 − M_4) Q at the end.
  G_ = gradients_[4] - gradients_[3];
  layers_.slope(step.next, G_, next_term_);
  return h / 6.0 * static_cast<double>(next_term_.norm());
}

template class LieMethod<double>;
template class LieMethod<float>;

} // namespace linflow
