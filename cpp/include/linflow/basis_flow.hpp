// A network's flow in Gram form in the singular basis of its target, or another.
#pragma once

#include "linflow/gram.hpp"

#include <memory>
#include <optional>

namespace linflow {

// Refers to itself: not to be copied or moved.
template <class Scalar> struct BasisFlow {
  // X = W1ᵀ and Y = W2 are not in the basis, the data are.
  BasisFlow(std::shared_ptr<const SingularVectors<Scalar>> given,
            QuadraticData<Scalar> data,
            const Matrix<Scalar>& X,
            const Matrix<Scalar>& Y);
  // In the singular basis, with the truth in it, if there is any.
  BasisFlow(std::shared_ptr<const SingularVectors<Scalar>> given,
            std::optional<Matrix<Scalar>> truth,
            const Matrix<Scalar>& X,
            const Matrix<Scalar>& Y);

  std::shared_ptr<const SingularVectors<Scalar>> basis;
  QuadraticCost<Scalar> cost;
  GramFlow<Scalar> flow;
  Vector<Scalar> state;
};

} // namespace linflow
