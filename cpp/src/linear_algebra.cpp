#include "linflow/linear_algebra.hpp"

#include <Eigen/SVD>

#include <algorithm>
#include <cmath>

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

template <class Scalar>
SingularVectors<Scalar> singular_vectors(const Matrix<Scalar>& A) {
  const Index m = std::min(A.rows(), A.cols());
  const Scalar size = A.cwiseAbs().maxCoeff();
  if (size == Scalar(0)) {
    return {Matrix<Scalar>::Identity(A.rows(), A.rows()),
            Vector<Scalar>::Zero(m),
            Matrix<Scalar>::Identity(A.cols(), A.cols())};
  }
  constexpr auto full = Eigen::ComputeFullU | Eigen::ComputeFullV;
  const Matrix<Scalar> scaled = A / size;
  if (m > 16) {
    const Eigen::BDCSVD<Matrix<Scalar>> svd(scaled, full);
    SingularVectors<Scalar> out{svd.matrixU(), svd.singularValues(), svd.matrixV()};
    // Divide and conquer has had bad days on degenerate input.
    const Scalar bound =
        Scalar(50) * static_cast<Scalar>(m) * Eigen::NumTraits<Scalar>::epsilon();
    const auto defect = [](const Matrix<Scalar>& Q) {
      const Matrix<Scalar> square = Q.transpose() * Q;
      return (square - Matrix<Scalar>::Identity(Q.cols(), Q.cols())).norm() /
             std::sqrt(static_cast<Scalar>(Q.cols()));
    };
    const Matrix<Scalar> back =
        out.U.leftCols(m) * out.values.asDiagonal() * out.V.leftCols(m).transpose();
    if ((back - scaled).norm() <= bound * scaled.norm() && defect(out.U) <= bound &&
        defect(out.V) <= bound) {
      out.values *= size;
      return out;
    }
  }
  const Eigen::JacobiSVD<Matrix<Scalar>, Eigen::FullPivHouseholderQRPreconditioner> svd(
      scaled, full);
  return {svd.matrixU(), size * svd.singularValues(), svd.matrixV()};
}

template SingularVectors<double> singular_vectors<double>(const Matrix<double>&);
template SingularVectors<float> singular_vectors<float>(const Matrix<float>&);

Vector<double> accurate_singular_values(const Matrix<double>& A) {
  return Eigen::BDCSVD<Matrix<double>>(A).singularValues();
}

} // namespace linflow
