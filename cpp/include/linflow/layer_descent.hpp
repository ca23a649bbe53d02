// Gradient descent of a network of any depth under any cost; two layers under the mean
// squared error have a faster step (descent.hpp).
#pragma once

#include "linflow/cost.hpp"
#include "linflow/layers.hpp"

#include <cmath>
#include <utility>
#include <vector>

namespace linflow {

template <class Scalar> class LayerDescent {
public:
  LayerDescent(Cost<Scalar>& cost,
               LayerShape shape,
               Vector<Scalar> start,
               double step_size)
      : cost_(cost), layers_(std::move(shape)), step_size_(step_size),
        y_(std::move(start)), slope_(y_.size()), A_(layers_.d_out(), layers_.d_in()),
        G_(A_.rows(), A_.cols()) {}

  Errors measure() {
    layers_.product(y_, A_);
    cost_.gradient(A_, G_);
    Errors errors = cost_.errors(A_, G_);
    if (std::isnan(errors.train) && G_.allFinite()) {
      errors.train = 0.0; // no cost to tell; not a divergence
    }
    return errors;
  }
  void advance() {
    layers_.slope(y_, G_, slope_);
    y_ += static_cast<Scalar>(step_size_) * slope_;
  }
  void product(Matrix<Scalar>& out) const { out = A_; }
  [[nodiscard]] const Vector<Scalar>& state() const { return y_; }
  // Layer after layer, column by column.
  void append_weights(std::vector<Scalar>& out) const {
    out.insert(out.end(), y_.data(), y_.data() + y_.size());
  }

private:
  Cost<Scalar>& cost_;
  Layers<Scalar> layers_;
  double step_size_;
  Vector<Scalar> y_;
  Vector<Scalar> slope_;
  Matrix<Scalar> A_;
  Matrix<Scalar> G_;
};

} // namespace linflow
