#include "linflow/cost.hpp"

#include "linflow/products.hpp"

#include <cmath>
#include <utility>

namespace linflow {

template <class Scalar>
QuadraticCost<Scalar>::QuadraticCost(QuadraticData<Scalar> data)
    : data_(std::move(data)), residual_(data_.target.rows(), data_.target.cols()) {
  const auto fits = [this](const std::optional<Matrix<Scalar>>& matrix) {
    return !matrix || (matrix->rows() == d_out() && matrix->cols() == d_in());
  };
  if (!fits(data_.truth) || !fits(data_.mask)) {
    throw std::invalid_argument("cost: truth and mask must have the target's shape");
  }
  if (data_.covariance && (data_.mask || data_.covariance->rows() != d_in() ||
                           data_.covariance->cols() != d_in())) {
    throw std::invalid_argument(
        "cost: the covariance must be d_in × d_in and goes with no mask");
  }
  observed_ =
      static_cast<double>(data_.mask ? data_.mask->sum() : Scalar(data_.target.size()));
  const Matrix<Scalar> zero = Matrix<Scalar>::Zero(d_out(), d_in());
  Matrix<Scalar> G(d_out(), d_in());
  gradient(zero, G);
  target_size_ = residual_size(zero, G);
}

template <class Scalar>
void QuadraticCost<Scalar>::gradient(const Matrix<Scalar>& A, Matrix<Scalar>& G) {
  if (data_.covariance) {
    residual_ = A - data_.target;
    G.setZero();
    add_product<Scalar>(Scalar(1), residual_, *data_.covariance, G);
  } else if (data_.mask) {
    G = (A - data_.target).cwiseProduct(*data_.mask);
  } else {
    G = A - data_.target;
  }
}

template <class Scalar>
double QuadraticCost<Scalar>::twice(const Matrix<Scalar>& A,
                                    const Matrix<Scalar>& G) const {
  double sum = 0.0;
  for (Index j = 0; j < A.cols(); ++j) {
    sum += static_cast<double>((A.col(j) - data_.target.col(j)).dot(G.col(j)));
  }
  return sum;
}

template <class Scalar>
Errors QuadraticCost<Scalar>::errors(const Matrix<Scalar>& A, const Matrix<Scalar>& G) {
  Errors out{twice(A, G) / observed_, kNaN};
  if (data_.truth) {
    out.test = 0.0;
    for (Index j = 0; j < A.cols(); ++j) {
      out.test += static_cast<double>((A.col(j) - data_.truth->col(j)).squaredNorm());
    }
    out.test /= static_cast<double>(A.size());
  }
  return out;
}

template <class Scalar>
Errors QuadraticCost<Scalar>::errors(const ConstBlock<Scalar>& A) const {
  Errors out{0.0, data_.truth ? 0.0 : kNaN};
  for (Index j = 0; j < A.cols(); ++j) {
    out.train += static_cast<double>((A.col(j) - data_.target.col(j)).squaredNorm());
    if (data_.truth) {
      out.test += static_cast<double>((A.col(j) - data_.truth->col(j)).squaredNorm());
    }
  }
  const auto size = static_cast<double>(A.size());
  return {out.train / size, out.test / size};
}

template <class Scalar>
double QuadraticCost<Scalar>::residual_size(const Matrix<Scalar>& A,
                                            const Matrix<Scalar>& G) {
  return std::sqrt(std::max(twice(A, G), 0.0));
}

template class QuadraticCost<double>;
template class QuadraticCost<float>;

} // namespace linflow
