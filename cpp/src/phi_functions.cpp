#include "linflow/phi_functions.hpp"

#include <cmath>

namespace linflow {

// Near 0 from the series of φ3 upwards, beyond from the exponential downwards. Columns
// are taken whole, in vectors; where some lies near and some does not, both ways.
template <class Scalar> void PhiFunctions<Scalar>::compute(const Column& z) {
  constexpr Scalar near = 2;
  constexpr Scalar far = 1; // three digits, in the differences
  constexpr int terms = 18;
  const Scalar least = z.minCoeff();
  const Scalar most = z.maxCoeff();
  if (most <= -far || least >= far) {
    inverse_ = z.inverse();
    phi0 = z.exp();
    phi1 = (phi0 - Scalar(1)) * inverse_;
    phi2 = (phi1 - Scalar(1)) * inverse_;
    phi3 = (phi2 - Scalar(0.5)) * inverse_;
    return;
  }
  clipped_ = z.max(-near).min(near);
  phi3 = Column::Constant(z.size(), Scalar(1));
  for (int n = terms; n > 0; --n) {
    phi3 = Scalar(1) + (Scalar(1) / Scalar(n + 3)) * (phi3 * clipped_);
  }
  phi3 /= Scalar(6);
  phi2 = clipped_ * phi3 + Scalar(0.5);
  phi1 = clipped_ * phi2 + Scalar(1);
  if (least >= -near && most <= near) {
    phi0 = clipped_ * phi1 + Scalar(1);
    return;
  }
  phi0 = z.exp();
  for (Index i = 0; i < z.size(); ++i) {
    const bool is_far = z[i] != clipped_[i];
    const Scalar inverse = Scalar(1) / (is_far ? z[i] : Scalar(1));
    const Scalar one = (phi0[i] - Scalar(1)) * inverse;
    const Scalar two = (one - Scalar(1)) * inverse;
    const Scalar three = (two - Scalar(0.5)) * inverse;
    phi1[i] = is_far ? one : phi1[i];
    phi2[i] = is_far ? two : phi2[i];
    phi3[i] = is_far ? three : phi3[i];
  }
}

template struct PhiFunctions<double>;
template struct PhiFunctions<float>;

} // namespace linflow
