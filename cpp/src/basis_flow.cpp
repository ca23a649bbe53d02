#include "linflow/basis_flow.hpp"

#include <utility>

namespace linflow {
namespace {

template <class Scalar>
QuadraticData<Scalar> in_basis(const SingularVectors<Scalar>& basis,
                               const QuadraticData<Scalar>& given) {
  QuadraticData<Scalar> data;
  if (basis.leading() == basis.values.size() || basis.values[basis.leading()] == 0) {
    data.target.setZero(given.target.rows(), given.target.cols());
    data.target.diagonal() = basis.values;
  } else {
    data.target = basis.turned(given.target);
  }
  if (given.truth) {
    data.truth = basis.turned(*given.truth);
  }
  return data;
}

} // namespace

template <class Scalar>
BasisFlow<Scalar>::BasisFlow(std::shared_ptr<const SingularVectors<Scalar>> given,
                             const QuadraticCost<Scalar>& from_cost,
                             GramFlow<Scalar>& from,
                             const Vector<Scalar>& start)
    : basis(std::move(given)), cost(in_basis(*basis, from_cost.data())),
      flow(cost, basis), state(start.size()) {
  const auto [A, C1, C2] = from.blocks(start);
  auto out = flow.mutable_blocks(state);
  out.A = basis->turned(A);
  out.C1 = basis->turned_inputs(C1);
  out.C2 = basis->turned_outputs(C2);
  mirror<Scalar>(out.C1);
  mirror<Scalar>(out.C2);
}

template struct BasisFlow<double>;
template struct BasisFlow<float>;

} // namespace linflow
