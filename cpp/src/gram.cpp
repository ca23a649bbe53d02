#include "linflow/gram.hpp"

#include "linflow/linear_algebra.hpp"

#include <Eigen/Cholesky>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {
namespace {

// The other triangle from the lower one, in blocks that stay in the first-level cache.
template <class Square> void mirror(Square&& C) {
  constexpr Index kBlock = 16;
  for (Index j = 0; j < C.cols(); j += kBlock) {
    const Index width = std::min(kBlock, C.cols() - j);
    for (Index i = 0; i < j; i += kBlock) {
      C.block(i, j, kBlock, width) = C.block(j, i, width, kBlock).transpose();
    }
    for (Index k = 1; k < width; ++k) {
      C.col(j + k).segment(j, k) = C.row(j + k).segment(j, k).transpose();
    }
  }
}

} // namespace

template <class Scalar>
GramFlow<Scalar>::GramFlow(QuadraticCost<Scalar>& cost)
    : cost_(cost), half_in_(d_in(), d_in()), half_out_(d_out(), d_out()),
      G_(d_out(), d_in()), H_(d_out(), d_in()), look_G_(d_out(), d_in()) {
  if (!cost.plain()) {
    throw std::invalid_argument("gram: the plain mean squared error only");
  }
  gram_tn<Scalar>(cost.target(), half_in_);
  gram_nt<Scalar>(cost.target(), half_out_);
  half_in_ *= Scalar(0.5);
  half_out_ *= Scalar(0.5);
  const Index columns[] = {d_in(), d_out(), d_in()};
  const Index rows[] = {d_in(), d_out(), d_out()};
  for (std::size_t i = 0; i < 3; ++i) {
    directions_[i] = unbiased_direction<Scalar>(columns[i]);
    images_[i].resize(rows[i]);
  }
}

template <class Scalar> bool GramFlow<Scalar>::fits(const LayerShape& shape) {
  const auto& widths = shape.widths;
  return widths.size() == 3 && widths[1] >= widths[0] + widths[2] &&
         shape.scale == 1.0 && shape.rates[0] == 1.0 && shape.rates[1] == 1.0;
}

template <class Scalar>
void GramFlow<Scalar>::slope(const VectorIn<Scalar>& y, VectorOut<Scalar> dy) {
  Eigen::Map<Matrix<Scalar>> dA(dy.data(), d_out(), d_in());
  Eigen::Map<Matrix<Scalar>> dC1(dy.data() + visible(), d_in(), d_in());
  Eigen::Map<Matrix<Scalar>> dC2(
      dy.data() + visible() + d_in() * d_in(), d_out(), d_out());
  G_ = A(y) - cost_.target();
  H_ = A(y) - Scalar(0.5) * cost_.target();
  dA.setZero();
  add_product<Scalar>(Scalar(-1), C2(y), G_, dA);
  add_product<Scalar>(Scalar(-1), G_, C1(y), dA);
  gram_tn<Scalar>(H_, dC1);
  gram_nt<Scalar>(H_, dC2);
  for (Index j = 0; j < d_in(); ++j) {
    const Index below = d_in() - j;
    dC1.col(j).tail(below) =
        half_in_.col(j).tail(below) - Scalar(2) * dC1.col(j).tail(below);
  }
  for (Index j = 0; j < d_out(); ++j) {
    const Index below = d_out() - j;
    dC2.col(j).tail(below) =
        half_out_.col(j).tail(below) - Scalar(2) * dC2.col(j).tail(below);
  }
  mirror(dC1);
  mirror(dC2);
}

template <class Scalar>
double GramFlow<Scalar>::radius_bound(const VectorIn<Scalar>& y) {
  return operator_norm<Scalar>(C1(y), directions_[0], images_[0]) +
         operator_norm<Scalar>(C2(y), directions_[1], images_[1]) +
         2.0 * operator_norm<Scalar>(G_, directions_[2], images_[2]);
}

template <class Scalar>
void GramFlow<Scalar>::product(const VectorIn<Scalar>& y, Matrix<Scalar>& out) {
  out = A(y);
}

template <class Scalar>
Errors GramFlow<Scalar>::look(const VectorIn<Scalar>& y, Matrix<Scalar>& out) {
  out = A(y);
  cost_.gradient(out, look_G_);
  return cost_.errors(out, look_G_);
}

template <class Scalar>
double GramFlow<Scalar>::reference(const VectorIn<Scalar>& y,
                                   const VectorIn<Scalar>& /*dy*/) {
  const double motion = std::max(static_cast<double>(G_.norm()), cost_.target_size());
  return std::min(static_cast<double>(y.norm()), motion);
}

template <class Scalar> bool GramFlow<Scalar>::at_rest(double level) {
  return static_cast<double>(G_.norm()) <= level * cost_.target_size();
}

template <class Scalar>
void GramFlow<Scalar>::pack(const ConstBlock<Scalar>& X,
                            const ConstBlock<Scalar>& Y,
                            Vector<Scalar>& y) {
  y.setZero(size());
  Eigen::Map<Matrix<Scalar>> start_A(y.data(), d_out(), d_in());
  Eigen::Map<Matrix<Scalar>> start_C1(y.data() + visible(), d_in(), d_in());
  Eigen::Map<Matrix<Scalar>> start_C2(
      y.data() + visible() + d_in() * d_in(), d_out(), d_out());
  add_product_nt<Scalar>(Scalar(1), Y, X, start_A);
  gram_nt<Scalar>(X, start_C1);
  gram_nt<Scalar>(Y, start_C2);
  mirror(start_C1);
  mirror(start_C2);
}

template <class Scalar>
Matrix<Scalar> GramFlow<Scalar>::lower(const VectorIn<Scalar>& y) const {
  Matrix<Scalar> P(d_in() + d_out(), d_in() + d_out());
  P.topLeftCorner(d_in(), d_in()) = C1(y);
  P.bottomLeftCorner(d_out(), d_in()) = A(y);
  P.bottomRightCorner(d_out(), d_out()) = C2(y);
  return P;
}

// The least eigenvalue by inverse iteration, from above, but in the right order. The
// motion ends near P(0) + 2‖T‖; 30 is for the number of steps, the factor by which
// errors grow, and the iteration.
template <class Scalar>
bool GramFlow<Scalar>::keeps_positivity(const VectorIn<Scalar>& y, double rtol) {
  const Eigen::LLT<Matrix<Scalar>> llt(lower(y));
  if (llt.info() != Eigen::Success) {
    return false;
  }
  Vector<Scalar> direction = unbiased_direction<Scalar>(d_in() + d_out());
  double inverse = 0.0;
  for (int i = 0; i < 5; ++i) {
    direction.normalize();
    llt.solveInPlace(direction);
    inverse = static_cast<double>(direction.norm());
  }
  return inverse * 30.0 * rtol * 2.0 * cost_.target_size() <= 1.0;
}

template <class Scalar>
bool GramFlow<Scalar>::unpack(const VectorIn<Scalar>& y,
                              Matrix<Scalar>& X,
                              Matrix<Scalar>& Y) {
  const Eigen::LLT<Matrix<Scalar>> llt(lower(y));
  const Matrix<Scalar> L = llt.matrixL();
  X = L.topRows(d_in());
  Y = L.bottomRows(d_out());
  return llt.info() == Eigen::Success;
}

template class GramFlow<double>;
template class GramFlow<float>;

} // namespace linflow
