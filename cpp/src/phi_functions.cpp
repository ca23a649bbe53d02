#include "linflow/phi_functions.hpp"

#include <algorithm>

namespace linflow {
namespace {

constexpr Index kChunk = 32; // in registers

template <class Scalar> using Chunk = Eigen::Array<Scalar, kChunk, 1>;

// Of some z.
template <class Scalar> struct Phi {
  Chunk<Scalar> zero, one, two, three;
};

// From the series of φ3 upwards.
template <int terms, class Scalar>
void sum_series(const Chunk<Scalar>& z, Phi<Scalar>& out) {
  out.three.setOnes();
  for (int n = terms; n > 0; --n) {
    out.three = Scalar(1) + (Scalar(1) / static_cast<Scalar>(n + 3)) * (out.three * z);
  }
  out.three *= Scalar(1) / Scalar(6);
  out.two = z * out.three + Scalar(0.5);
  out.one = z * out.two + Scalar(1);
  out.zero = z * out.one + Scalar(1);
}

// As many terms as are right to rounding up to |z| = 2 at most.
template <class Scalar>
void from_series(const Chunk<Scalar>& z, Scalar reach, Phi<Scalar>& out) {
  if (reach <= Scalar(0.25)) {
    sum_series<9>(z, out);
  } else if (reach <= Scalar(0.5)) {
    sum_series<11>(z, out);
  } else if (reach <= Scalar(1)) {
    sum_series<14>(z, out);
  } else {
    sum_series<18>(z, out);
  }
}

// From the exponential downwards: near 1 three digits are lost in the differences.
template <class Scalar>
void from_exponential(const Chunk<Scalar>& z, Phi<Scalar>& out) {
  const Chunk<Scalar> inverse = z.inverse();
  out.zero = z.exp();
  out.one = (out.zero - Scalar(1)) * inverse;
  out.two = (out.one - Scalar(1)) * inverse;
  out.three = (out.two - Scalar(0.5)) * inverse;
}

template <class Scalar> void compute(const Chunk<Scalar>& z, Phi<Scalar>& out) {
  constexpr Scalar near = 2;
  constexpr Scalar far = 1;
  const Scalar least = z.abs().minCoeff();
  const Scalar most = z.abs().maxCoeff();
  if (least >= far) {
    from_exponential(z, out);
    return;
  }
  from_series<Scalar>(z.max(-near).min(near), std::min(most, near), out);
  if (most <= near) {
    return;
  }
  Phi<Scalar> beyond;
  from_exponential(z, beyond);
  for (Index i = 0; i < kChunk; ++i) {
    if (z[i] < -near || z[i] > near) {
      out.zero[i] = beyond.zero[i];
      out.one[i] = beyond.one[i];
      out.two[i] = beyond.two[i];
      out.three[i] = beyond.three[i];
    }
  }
}

} // namespace

template <class Scalar>
void PhiFunctions<Scalar>::compute(const Eigen::Ref<const Column>& z) {
  size_ = z.size();
  if (values_.rows() < std::max(size_, kChunk)) {
    values_.resize(std::max(size_, kChunk), 4);
  }
  Chunk<Scalar> at;
  Phi<Scalar> phi;
  for (Index first = 0; first < size_; first += kChunk) {
    // The last one overlaps with the one before.
    const Index begin = std::max(std::min(first, size_ - kChunk), Index(0));
    const Index count = std::min(size_, kChunk);
    if (count < kChunk) {
      at.setZero();
    }
    at.head(count) = z.segment(begin, count);
    linflow::compute(at, phi);
    values_.col(0).template segment<kChunk>(begin) = phi.zero;
    values_.col(1).template segment<kChunk>(begin) = phi.one;
    values_.col(2).template segment<kChunk>(begin) = phi.two;
    values_.col(3).template segment<kChunk>(begin) = phi.three;
  }
}

template class PhiFunctions<double>;
template class PhiFunctions<float>;

} // namespace linflow
