// The functions that exponential integrators weigh slopes by.
#pragma once

#include "linflow/types.hpp"

namespace linflow {

// φ_k(z) = Σ z^n/(n + k)!, k = 0, …, 3.
template <class Scalar> struct PhiFunctions {
  using Column = Eigen::Array<Scalar, Eigen::Dynamic, 1>;
  void compute(const Column& z);
  Column phi0, phi1, phi2, phi3;

private:
  Column clipped_, inverse_;
};

} // namespace linflow
