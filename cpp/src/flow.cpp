#include "linflow/flow.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace linflow {

template <class Scalar>
FactorFlow<Scalar>::FactorFlow(Cost<Scalar>& cost, LayerShape shape)
    : cost_(cost), layers_(std::move(shape)), A_(d_out(), d_in()), G_(d_out(), d_in()),
      look_A_(layers_.d_out(), layers_.d_in()), look_G_(d_out(), d_in()) {
  if (cost.d_out() != d_out() || cost.d_in() != d_in()) {
    throw std::invalid_argument("flow: the layers do not fit the cost's shape");
  }
}

template <class Scalar>
void FactorFlow<Scalar>::slope(const VectorIn<Scalar>& y, VectorOut<Scalar> dy) {
  layers_.product(y, A_);
  cost_.gradient(A_, G_);
  layers_.slope(y, G_, dy);
}

template <class Scalar>
double FactorFlow<Scalar>::radius_bound(const VectorIn<Scalar>& y) {
  return layers_.radius_bound(y, G_, cost_.curvature());
}

template <class Scalar>
Errors FactorFlow<Scalar>::look(const VectorIn<Scalar>& y, Matrix<Scalar>& A) {
  layers_.product(y, A);
  cost_.gradient(A, look_G_);
  return cost_.errors(A, look_G_);
}

template <class Scalar>
double FactorFlow<Scalar>::reference(const VectorIn<Scalar>& y,
                                     const VectorIn<Scalar>& dy) {
  const auto size = static_cast<double>(y.norm());
  const double left = cost_.residual_size(A_, G_);
  const double motion =
      std::max(left, cost_.target_size()) * left / layers_.gradient_norm(dy);
  return motion < size ? motion : size; // NaN: size
}

template <class Scalar> bool FactorFlow<Scalar>::at_rest(double level) {
  return cost_.residual_size(A_, G_) <= level * cost_.target_size();
}

template <class Scalar>
Vector<Scalar> pack_factors(const Matrix<Scalar>& X, const Matrix<Scalar>& Y) {
  Vector<Scalar> state(X.size() + Y.size());
  Eigen::Map<Matrix<Scalar>>(state.data(), X.cols(), X.rows()) = X.transpose();
  Eigen::Map<Matrix<Scalar>>(state.data() + X.size(), Y.rows(), Y.cols()) = Y;
  return state;
}

template class FactorFlow<double>;
template class FactorFlow<float>;
template Vector<double> pack_factors(const Matrix<double>&, const Matrix<double>&);
template Vector<float> pack_factors(const Matrix<float>&, const Matrix<float>&);

} // namespace linflow
