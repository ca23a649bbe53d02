#include "linflow/linear_algebra.hpp"

#include "linflow/products.hpp"

#include <Eigen/QR>
#include <Eigen/SVD>

#include <algorithm>
#include <cmath>
#include <utility>

namespace linflow {

template <class Scalar>
void SymmetricEigen<Scalar>::values_only(const Matrix<Scalar>& lower) {
  solver_.compute(lower, Eigen::EigenvaluesOnly);
}

template <class Scalar>
void SymmetricEigen<Scalar>::compute(const Matrix<Scalar>& lower) {
  solver_.compute(lower, Eigen::ComputeEigenvectors);
}

template class SymmetricEigen<double>;
template class SymmetricEigen<float>;

namespace {

SingularVectors<double> decompose(const Matrix<double>& A) {
  const Index m = std::min(A.rows(), A.cols());
  const double size = A.cwiseAbs().maxCoeff();
  if (size == 0.0) {
    return {Matrix<double>::Identity(A.rows(), A.rows()),
            Vector<double>::Zero(m),
            Matrix<double>::Identity(A.cols(), A.cols()),
            {},
            {}};
  }
  constexpr auto full = Eigen::ComputeFullU | Eigen::ComputeFullV;
  const Matrix<double> scaled = A / size;
  if (m > 16) {
    const Eigen::BDCSVD<Matrix<double>> svd(scaled, full);
    SingularVectors<double> out{
        svd.matrixU(), svd.singularValues(), svd.matrixV(), {}, {}};
    // Divide and conquer has had bad days on degenerate input.
    const double bound =
        50.0 * static_cast<double>(m) * Eigen::NumTraits<double>::epsilon();
    const auto defect = [](const Matrix<double>& Q) {
      Matrix<double> square = -Matrix<double>::Identity(Q.cols(), Q.cols());
      add_product_tn<double>(1.0, Q, Q, square);
      return square.norm() / std::sqrt(static_cast<double>(Q.cols()));
    };
    Matrix<double> back = -scaled;
    add_product_nt<double>(
        1.0, out.U.leftCols(m) * out.values.asDiagonal(), out.V.leftCols(m), back);
    if (back.norm() <= bound * scaled.norm() && defect(out.U) <= bound &&
        defect(out.V) <= bound) {
      out.values *= size;
      return out;
    }
  }
  const Eigen::JacobiSVD<Matrix<double>> svd(scaled, full);
  return {svd.matrixU(), size * svd.singularValues(), svd.matrixV(), {}, {}};
}

} // namespace

// In float64 for every scalar: it is done once per task, and costs half a minute of
// compile time per instantiation.
template <class Scalar>
SingularVectors<Scalar> singular_vectors(const Matrix<Scalar>& A) {
  const SingularVectors<double> wide = decompose(A.template cast<double>());
  return {wide.U.template cast<Scalar>(),
          wide.values.template cast<Scalar>(),
          wide.V.template cast<Scalar>(),
          {},
          {}};
}

template <class Scalar> Matrix<Scalar> triangularised(Matrix<Scalar> A) {
  return Eigen::HouseholderQR<Matrix<Scalar>>(A).matrixQR();
}
template Matrix<double> triangularised(Matrix<double>);
template Matrix<float> triangularised(Matrix<float>);

// Householder's reflections, gathered as Schreiber and Van Loan 1989 do.
template <class Scalar> Reflections<Scalar> completed(const Matrix<Scalar>& columns) {
  const Index count = columns.cols();
  const Eigen::HouseholderQR<Matrix<Scalar>> qr(columns);
  Reflections<Scalar> out;
  out.Y = qr.matrixQR();
  out.Z.resize(columns.rows(), count);
  out.signs.resize(count);
  for (Index j = 0; j < count; ++j) {
    auto y = out.Y.col(j);
    out.signs[j] = y[j] < Scalar(0) ? Scalar(-1) : Scalar(1);
    y.head(j).setZero();
    y[j] = Scalar(1);
    const Vector<Scalar> met = out.Y.leftCols(j).transpose() * y;
    out.Z.col(j) = qr.hCoeffs()[j] * (y - out.Z.leftCols(j) * met);
  }
  return out;
}
template Reflections<double> completed(const Matrix<double>&);
template Reflections<float> completed(const Matrix<float>&);

template <class Scalar> Matrix<Scalar> Reflections<Scalar>::matrix() const {
  Matrix<Scalar> Q = Matrix<Scalar>::Identity(Y.rows(), Y.rows());
  Matrix<Scalar> work(Y.rows(), Y.rows());
  from_left(Q, work);
  return Q;
}

template <class Scalar>
void Reflections<Scalar>::from_left(Block<Scalar> A, Matrix<Scalar>& work) const {
  const Index count = Y.cols();
  A.topRows(count) = signs.asDiagonal() * A.topRows(count);
  auto met = work.topLeftCorner(count, A.cols());
  met.setZero();
  add_product_tn<Scalar>(Scalar(1), Y, A, met);
  add_product<Scalar>(Scalar(-1), Z, met, A);
}

template <class Scalar>
void Reflections<Scalar>::transposed_from_right(Block<Scalar> A,
                                                Matrix<Scalar>& work) const {
  const Index count = Y.cols();
  A.leftCols(count) *= signs.asDiagonal();
  auto met = work.topLeftCorner(A.rows(), count);
  met.setZero();
  add_product<Scalar>(Scalar(1), A, Y, met);
  add_product_nt<Scalar>(Scalar(-1), met, Z, A);
}

template <class Scalar>
void Reflections<Scalar>::transposed_from_left(Block<Scalar> A,
                                               Matrix<Scalar>& work) const {
  const Index count = Y.cols();
  auto met = work.topLeftCorner(count, A.cols());
  met.setZero();
  add_product_tn<Scalar>(Scalar(1), Z, A, met);
  add_product<Scalar>(Scalar(-1), Y, met, A);
  A.topRows(count) = signs.asDiagonal() * A.topRows(count);
}

template <class Scalar>
void Reflections<Scalar>::from_right(Block<Scalar> A, Matrix<Scalar>& work) const {
  const Index count = Y.cols();
  auto met = work.topLeftCorner(A.rows(), count);
  met.setZero();
  add_product<Scalar>(Scalar(1), A, Z, met);
  add_product_nt<Scalar>(Scalar(-1), met, Y, A);
  A.leftCols(count) = A.leftCols(count) * signs.asDiagonal();
}

namespace {

// QᵀA or QA, by reflections where there are some.
template <class Scalar>
Matrix<Scalar> times(const Matrix<Scalar>& Q,
                     const Reflections<Scalar>& made_of,
                     bool transposed,
                     Matrix<Scalar> A) {
  if (made_of.empty()) {
    return transposed ? multiply_tn<Scalar>(Q, A) : multiply<Scalar>(Q, A);
  }
  Matrix<Scalar> work(made_of.Y.cols(), A.cols());
  transposed ? made_of.transposed_from_left(A, work) : made_of.from_left(A, work);
  return A;
}

// AQ.
template <class Scalar>
Matrix<Scalar>
after(const Matrix<Scalar>& Q, const Reflections<Scalar>& made_of, Matrix<Scalar> A) {
  if (made_of.empty()) {
    return multiply<Scalar>(A, Q);
  }
  Matrix<Scalar> work(A.rows(), made_of.Y.cols());
  made_of.from_right(A, work);
  return A;
}

} // namespace

template <class Scalar>
Matrix<Scalar> SingularVectors<Scalar>::from_outputs(Matrix<Scalar> X) const {
  return times<Scalar>(U, left, false, std::move(X));
}

template <class Scalar>
Matrix<Scalar> SingularVectors<Scalar>::from_inputs(Matrix<Scalar> X) const {
  return times<Scalar>(V, right, false, std::move(X));
}

template <class Scalar>
Matrix<Scalar> SingularVectors<Scalar>::turned_outputs(Matrix<Scalar> A) const {
  return after<Scalar>(U, left, times<Scalar>(U, left, true, std::move(A)));
}

template <class Scalar>
Matrix<Scalar> SingularVectors<Scalar>::turned_inputs(Matrix<Scalar> A) const {
  return after<Scalar>(V, right, times<Scalar>(V, right, true, std::move(A)));
}

template <class Scalar>
Matrix<Scalar> SingularVectors<Scalar>::turned(Matrix<Scalar> A) const {
  return after<Scalar>(V, right, times<Scalar>(U, left, true, std::move(A)));
}
template struct Reflections<double>;
template struct Reflections<float>;
template struct SingularVectors<double>;
template struct SingularVectors<float>;

template <class Scalar> Vector<Scalar> unbiased_direction(Index size) {
  Vector<Scalar> direction(size);
  for (Index i = 0; i < size; ++i) {
    direction[i] = i % 2 == 0 ? Scalar(1) : Scalar(-0.6);
  }
  return direction;
}

template <class Scalar>
double operator_norm(const ConstBlock<Scalar>& M,
                     Vector<Scalar>& direction,
                     Vector<Scalar>& image) {
  double square = 0.0;
  for (int i = 0; i < 40; ++i) {
    direction.normalize();
    image.noalias() = M * direction;
    direction.noalias() = M.transpose() * image;
    const double previous =
        std::exchange(square, static_cast<double>(direction.norm()));
    if (!(square > 0.0)) {
      direction = unbiased_direction<Scalar>(direction.size());
      return 0.0;
    }
    if (i > 2 && square - previous < 0.01 * square) {
      break;
    }
  }
  return 1.05 * std::sqrt(square);
}

template Vector<double> unbiased_direction<double>(Index);
template Vector<float> unbiased_direction<float>(Index);
template double
operator_norm<double>(const ConstBlock<double>&, Vector<double>&, Vector<double>&);
template double
operator_norm<float>(const ConstBlock<float>&, Vector<float>&, Vector<float>&);
template SingularVectors<double> singular_vectors<double>(const Matrix<double>&);
template SingularVectors<float> singular_vectors<float>(const Matrix<float>&);

} // namespace linflow
