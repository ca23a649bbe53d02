#include "linflow/linear_algebra.hpp"

#include <Eigen/SVD>

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

Vector<double> accurate_singular_values(const Matrix<double>& A) {
  return Eigen::BDCSVD<Matrix<double>>(A).singularValues();
}

} // namespace linflow
