#include "linflow/basis_flow.hpp"

#include <utility>

namespace linflow {
namespace {

template <class Scalar>
QuadraticData<Scalar> diagonal(const Vector<Scalar>& values,
                               Index d_out,
                               Index d_in,
                               std::optional<Matrix<Scalar>> truth) {
  QuadraticData<Scalar> data;
  data.target.setZero(d_out, d_in);
  data.target.diagonal() = values;
  data.truth = std::move(truth);
  return data;
}

} // namespace

template <class Scalar>
BasisFlow<Scalar>::BasisFlow(std::shared_ptr<const SingularVectors<Scalar>> given,
                             QuadraticData<Scalar> data,
                             const Matrix<Scalar>& X,
                             const Matrix<Scalar>& Y)
    : basis(std::move(given)), cost(std::move(data)), flow(cost, basis) {
  flow.pack(basis->V.transpose() * X, basis->U.transpose() * Y, state);
}

template <class Scalar>
BasisFlow<Scalar>::BasisFlow(std::shared_ptr<const SingularVectors<Scalar>> given,
                             std::optional<Matrix<Scalar>> truth,
                             const Matrix<Scalar>& X,
                             const Matrix<Scalar>& Y)
    : BasisFlow(given,
                diagonal<Scalar>(given->values, Y.rows(), X.rows(), std::move(truth)),
                X,
                Y) {}

template struct BasisFlow<double>;
template struct BasisFlow<float>;

} // namespace linflow
