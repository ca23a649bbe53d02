// A network's flow in Gram form in the singular basis of its target, or another.
#pragma once

#include "linflow/gram.hpp"

#include <memory>
#include <optional>

namespace linflow {

// Refers to itself: not to be copied or moved.
template <class Scalar> struct BasisFlow {
  // The flow and its state are not in the basis, its data come to be: in a basis of
  // singular vectors exactly diagonal.
  BasisFlow(std::shared_ptr<const SingularVectors<Scalar>> given,
            const QuadraticCost<Scalar>& cost,
            GramFlow<Scalar>& from,
            const Vector<Scalar>& start);

  std::shared_ptr<const SingularVectors<Scalar>> basis;
  QuadraticCost<Scalar> cost;
  GramFlow<Scalar> flow;
  Vector<Scalar> state;
};

} // namespace linflow
