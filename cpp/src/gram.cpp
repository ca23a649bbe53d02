#include "linflow/gram.hpp"

#include "linflow/cholesky.hpp"
#include "linflow/linear_algebra.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace linflow {
namespace {

// Of errors of one step relative to what moves: the motion ends near P(0) + 2‖T‖; 6 is
// for the number of steps, the factor by which errors grow, and the iteration.
constexpr double kMargin = 6.0 * 2.0;

} // namespace

template <class Scalar>
GramFlow<Scalar>::GramFlow(QuadraticCost<Scalar>& cost,
                           std::shared_ptr<const SingularVectors<Scalar>> basis)
    : cost_(cost), basis_(std::move(basis)), half_in_(d_in(), d_in()),
      half_out_(d_out(), d_out()), G_(d_out(), d_in()), H_(d_out(), d_in()) {
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
  return fits_modes(shape) && widths[1] >= widths[0] + widths[2];
}

template <class Scalar> bool GramFlow<Scalar>::fits_modes(const LayerShape& shape) {
  const auto& widths = shape.widths;
  return widths.size() == 3 && widths[1] >= std::max(widths[0], widths[2]) &&
         shape.scale == 1.0 && shape.rates[0] == 1.0 && shape.rates[1] == 1.0;
}

template <class Scalar>
GramBlocks<const Matrix<Scalar>>
GramFlow<Scalar>::blocks(const VectorIn<Scalar>& y) const {
  const Scalar* first = y.data();
  return {{first, d_out(), d_in()},
          {first + visible(), d_in(), d_in()},
          {first + visible() + d_in() * d_in(), d_out(), d_out()}};
}

template <class Scalar>
GramBlocks<Matrix<Scalar>> GramFlow<Scalar>::mutable_blocks(VectorOut<Scalar> y) const {
  Scalar* first = y.data();
  return {{first, d_out(), d_in()},
          {first + visible(), d_in(), d_in()},
          {first + visible() + d_in() * d_in(), d_out(), d_out()}};
}

template <class Scalar>
void GramFlow<Scalar>::slope(const VectorIn<Scalar>& y, VectorOut<Scalar> dy) {
  const auto [A, C1, C2] = blocks(y);
  auto [dA, dC1, dC2] = mutable_blocks(dy);
  G_ = A - cost_.target();
  H_ = A - Scalar(0.5) * cost_.target();
  dA.setZero();
  add_product<Scalar>(Scalar(-1), C2, G_, dA);
  add_product<Scalar>(Scalar(-1), G_, C1, dA);
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
  mirror<Scalar>(dC1);
  mirror<Scalar>(dC2);
}

template <class Scalar>
double GramFlow<Scalar>::radius_bound(const VectorIn<Scalar>& y) {
  const auto [A, C1, C2] = blocks(y);
  return operator_norm<Scalar>(C1, directions_[0], images_[0]) +
         operator_norm<Scalar>(C2, directions_[1], images_[1]) +
         2.0 * operator_norm<Scalar>(G_, directions_[2], images_[2]);
}

template <class Scalar>
void GramFlow<Scalar>::product(const VectorIn<Scalar>& y, Matrix<Scalar>& out) {
  if (!basis_) {
    out = blocks(y).A;
    return;
  }
  if (!basis_->left.empty()) {
    out = blocks(y).A;
    basis_->left.from_left(out, H_);
    basis_->right.transposed_from_right(out, H_);
    return;
  }
  H_.setZero();
  add_product<Scalar>(Scalar(1), basis_->U, blocks(y).A, H_);
  out.setZero(d_out(), d_in());
  add_product_nt<Scalar>(Scalar(1), H_, basis_->V, out);
}

template <class Scalar> Errors GramFlow<Scalar>::errors(const VectorIn<Scalar>& y) {
  return cost_.errors(blocks(y).A);
}

template <class Scalar>
Errors GramFlow<Scalar>::look(const VectorIn<Scalar>& y, Matrix<Scalar>& out) {
  product(y, out);
  return errors(y);
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
  auto [A, C1, C2] = mutable_blocks(y);
  add_product_nt<Scalar>(Scalar(1), Y, X, A);
  gram_nt<Scalar>(X, C1);
  gram_nt<Scalar>(Y, C2);
  mirror<Scalar>(C1);
  mirror<Scalar>(C2);
}

template <class Scalar>
Matrix<Scalar> GramFlow<Scalar>::lower(const VectorIn<Scalar>& y) const {
  Matrix<Scalar> P(d_in() + d_out(), d_in() + d_out());
  const auto [A, C1, C2] = blocks(y);
  P.topLeftCorner(d_in(), d_in()) = C1;
  P.bottomLeftCorner(d_out(), d_in()) = A;
  P.bottomRightCorner(d_out(), d_out()) = C2;
  return P;
}

// By inverse iteration.
template <class Scalar>
double GramFlow<Scalar>::least_eigenvalue(const VectorIn<Scalar>& y) {
  Matrix<Scalar> P = lower(y);
  const Cholesky<Scalar> factor(P);
  if (!factor.positive_definite()) {
    return 0.0;
  }
  Vector<Scalar> direction = unbiased_direction<Scalar>(d_in() + d_out());
  double inverse = 0.0;
  for (int i = 0; i < 5; ++i) {
    direction.normalize();
    factor.solve(direction);
    inverse = static_cast<double>(direction.norm());
  }
  return 1.0 / inverse;
}

// A run for which it is too little is found out at its end, by unpack(), and made again
// in factors.
template <class Scalar> double GramFlow<Scalar>::safe_eigenvalue(double rtol) const {
  return kMargin * rtol * cost_.target_size();
}

template <class Scalar>
double GramFlow<Scalar>::accurate_eigenvalue(const VectorIn<Scalar>& y,
                                             double rtol) const {
  const double size = std::max(static_cast<double>(y.norm()), cost_.target_size());
  return kMargin * std::numeric_limits<Scalar>::epsilon() / rtol * size;
}

template <class Scalar>
bool GramFlow<Scalar>::unpack(const VectorIn<Scalar>& y,
                              double slack,
                              Index units,
                              Matrix<Scalar>& X,
                              Matrix<Scalar>& Y) {
  const Matrix<Scalar> P = lower(y);
  Matrix<Scalar> L = P;
  if (units >= P.rows() && Cholesky<Scalar>(L).positive_definite()) {
    L.template triangularView<Eigen::StrictlyUpper>().setZero();
  } else if (slack > 0.0 && y.allFinite()) {
    // The nearest P: pivots of LDLᵀ would magnify what is negative.
    SymmetricEigen<Scalar> eigen(P.rows());
    eigen.compute(P);
    if (static_cast<double>(eigen.values().minCoeff()) <
        -slack * static_cast<double>(eigen.values().maxCoeff())) {
      return false;
    }
    const Vector<Scalar> roots = eigen.values().cwiseMax(Scalar(0)).cwiseSqrt();
    L = (eigen.vectors() * roots.asDiagonal()).rightCols(std::min(units, P.rows()));
  } else {
    return false;
  }
  X = L.topRows(d_in());
  Y = L.bottomRows(d_out());
  return true;
}

template class GramFlow<double>;
template class GramFlow<float>;

} // namespace linflow
