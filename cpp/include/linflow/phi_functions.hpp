// The functions that exponential integrators weigh slopes by.
#pragma once

#include "linflow/types.hpp"

namespace linflow {

// φ_k(z) = Σ z^n/(n + k)!, k = 0, …, 3.
template <class Scalar> class PhiFunctions {
public:
  using Column = Eigen::Array<Scalar, Eigen::Dynamic, 1>;
  void compute(const Eigen::Ref<const Column>& z);
  // Of the last z.
  [[nodiscard]] auto phi0() const { return values_.col(0).head(size_); }
  [[nodiscard]] auto phi1() const { return values_.col(1).head(size_); }
  [[nodiscard]] auto phi2() const { return values_.col(2).head(size_); }
  [[nodiscard]] auto phi3() const { return values_.col(3).head(size_); }

private:
  Index size_ = 0;
  Eigen::Array<Scalar, Eigen::Dynamic, 4> values_; // kept from one use to the next
};

} // namespace linflow
