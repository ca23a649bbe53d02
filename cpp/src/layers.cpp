#include "linflow/layers.hpp"

#include "linflow/linear_algebra.hpp"
#include "linflow/products.hpp"

#include <cmath>
#include <stdexcept>
#include <utility>

namespace linflow {

template <class Scalar>
Layers<Scalar>::Layers(LayerShape shape) : shape_(std::move(shape)) {
  const std::size_t depth = shape_.widths.size() - 1;
  if (shape_.widths.size() < 3 || shape_.rates.size() != depth) {
    throw std::invalid_argument("layers: two or more layers and a rate for each");
  }
  for (std::size_t l = 0; l < depth; ++l) {
    const Index rows = shape_.widths[l + 1];
    const Index cols = shape_.widths[l];
    layers_.push_back({rows, cols, size_, shape_.rates[l]});
    size_ += rows * cols;
    if (l >= 1 && l + 1 < depth) {
      forward_.emplace_back(rows, d_in());
      backward_.emplace_back(rows, d_in());
    }
  }
  if (depth == 2) {
    for (const Index columns : {d_in(), shape_.widths[1], d_in()}) {
      directions_.push_back(unbiased_direction<Scalar>(columns));
    }
    for (const Index rows : {shape_.widths[1], d_out(), d_out()}) {
      images_.emplace_back(rows);
    }
  }
}

template <class Scalar>
double Layers<Scalar>::gradient_norm(const VectorIn<Scalar>& dy) const {
  double sum = 0.0;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    if (layers_[l].rate > 0.0) {
      const auto norm = static_cast<double>(weights(dy, l).norm());
      sum += norm * norm / (layers_[l].rate * layers_[l].rate);
    }
  }
  return std::sqrt(sum);
}

template <class Scalar>
void Layers<Scalar>::product(const VectorIn<Scalar>& y, Matrix<Scalar>& A) {
  const std::size_t last = layers_.size() - 1;
  A.setZero();
  if (forward_.empty()) {
    add_product<Scalar>(
        static_cast<Scalar>(shape_.scale), weights(y, last), weights(y, 0), A);
    return;
  }
  for (std::size_t i = 0; i < forward_.size(); ++i) {
    forward_[i].setZero();
    if (i == 0) {
      add_product<Scalar>(Scalar(1), weights(y, 1), weights(y, 0), forward_[0]);
    } else {
      add_product<Scalar>(Scalar(1), weights(y, i + 1), forward_[i - 1], forward_[i]);
    }
  }
  add_product<Scalar>(
      static_cast<Scalar>(shape_.scale), weights(y, last), forward_.back(), A);
}

template <class Scalar>
void Layers<Scalar>::slope(const VectorIn<Scalar>& y,
                           const Matrix<Scalar>& G,
                           VectorOut<Scalar> dy) {
  dy.setZero();
  const std::size_t last = layers_.size() - 1;
  const auto out = [&](std::size_t l) {
    return Eigen::Map<Matrix<Scalar>>(
        dy.data() + layers_[l].offset, layers_[l].rows, layers_[l].cols);
  };
  const auto factor = [&](std::size_t l) {
    return static_cast<Scalar>(-shape_.scale * layers_[l].rate);
  };
  // From the output down; `pulled` is (W_L … W_{l+1})ᵀ G.
  const Matrix<Scalar>* pulled = &G;
  for (std::size_t l = last; l >= 1; --l) {
    if (factor(l) != Scalar(0)) {
      if (l == 1) {
        add_product_nt<Scalar>(factor(l), *pulled, weights(y, 0), out(l));
      } else {
        add_product_nt<Scalar>(factor(l), *pulled, forward_[l - 2], out(l));
      }
    }
    if (l == 1) {
      if (factor(0) != Scalar(0)) {
        add_product_tn<Scalar>(factor(0), weights(y, 1), *pulled, out(0));
      }
    } else {
      auto& next = backward_[l - 2];
      next.setZero();
      add_product_tn<Scalar>(Scalar(1), weights(y, l), *pulled, next);
      pulled = &next;
    }
  }
}

template <class Scalar>
double Layers<Scalar>::radius_bound(const VectorIn<Scalar>& y,
                                    const Matrix<Scalar>& G,
                                    double curvature) {
  if (depth() != 2 || !std::isfinite(curvature)) {
    return kNaN;
  }
  const double norm1 = operator_norm<Scalar>(weights(y, 0), directions_[0], images_[0]);
  const double norm2 = operator_norm<Scalar>(weights(y, 1), directions_[1], images_[1]);
  const double norm_G = operator_norm<Scalar>(G, directions_[2], images_[2]);
  const double rate1 = layers_[0].rate;
  const double rate2 = layers_[1].rate;
  const double scale = std::abs(shape_.scale);
  return scale * scale * curvature * (rate1 * norm2 * norm2 + rate2 * norm1 * norm1) +
         scale * std::sqrt(rate1 * rate2) * norm_G;
}

template class Layers<double>;
template class Layers<float>;

} // namespace linflow
