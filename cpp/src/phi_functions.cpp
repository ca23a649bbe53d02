#include "linflow/phi_functions.hpp"

#include <cmath>

namespace linflow {

// Near 0 from the series of φ3 upwards, beyond from the exponential downwards. Columns
// are taken whole, in vectors; what lies apart is done again one by one.
template <class Scalar> void PhiFunctions<Scalar>::compute(const Column& z) {
  constexpr Scalar near = -2;
  constexpr Scalar far = -1; // three digits, in the differences
  constexpr int terms = 18;
  if (z.maxCoeff() <= far) {
    inverse_ = z.inverse();
    phi0 = z.exp();
    phi1 = (phi0 - Scalar(1)) * inverse_;
    phi2 = (phi1 - Scalar(1)) * inverse_;
    phi3 = (phi2 - Scalar(0.5)) * inverse_;
    return;
  }
  clipped_ = z.max(near);
  phi3 = Column::Constant(z.size(), Scalar(1));
  for (int n = terms; n > 0; --n) {
    phi3 = Scalar(1) + (Scalar(1) / Scalar(n + 3)) * (phi3 * clipped_);
  }
  phi3 /= Scalar(6);
  phi2 = clipped_ * phi3 + Scalar(0.5);
  phi1 = clipped_ * phi2 + Scalar(1);
  phi0 = clipped_ * phi1 + Scalar(1);
  for (Index i = 0; i < z.size(); ++i) {
    if (z[i] < near) {
      phi0[i] = std::exp(z[i]);
      phi1[i] = (phi0[i] - Scalar(1)) / z[i];
      phi2[i] = (phi1[i] - Scalar(1)) / z[i];
      phi3[i] = (phi2[i] - Scalar(0.5)) / z[i];
    }
  }
}

template struct PhiFunctions<double>;
template struct PhiFunctions<float>;

} // namespace linflow
