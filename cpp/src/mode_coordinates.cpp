#include "linflow/mode_coordinates.hpp"

#include "linflow/products.hpp"

#include <numbers>

namespace linflow {

// The map is its own inverse.
template <class Scalar> void ModeCoordinates<Scalar>::turn_pairs(VectorOut<Scalar> y) {
  if (first_ == last_) {
    return;
  }
  auto [A, C1, C2] = flow_.mutable_blocks(y);
  transposed_ = A.topLeftCorner(modes_, modes_).transpose();
  for (Index j = 0; j < modes_; ++j) {
    const bool all = first_ <= j && j < last_;
    const Index end = all ? modes_ : last_;
    Scalar* const a = A.col(j).data();
    Scalar* const c1 = C1.col(j).data();
    Scalar* const c2 = C2.col(j).data();
    const Scalar* const t = transposed_.col(j).data();
    for (Index i = all ? 0 : first_; i < end; ++i) {
      const Scalar sum = Scalar(0.5) * (c1[i] + c2[i]);
      const Scalar difference = Scalar(0.5) * (c1[i] - c2[i]);
      const Scalar even = Scalar(0.5) * (t[i] + a[i]);
      const Scalar odd = Scalar(0.5) * (t[i] - a[i]);
      a[i] = difference + odd;
      c1[i] = sum + even;
      c2[i] = sum - even;
    }
  }
}

// As is this.
template <class Scalar> void ModeCoordinates<Scalar>::turn_others(VectorOut<Scalar> y) {
  constexpr auto root = static_cast<Scalar>(0.5 * std::numbers::sqrt2);
  auto [A, C1, C2] = flow_.mutable_blocks(y);
  const Index count = last_ - first_;
  if (const Index others = A.rows() - modes_; others > 0) {
    auto a = A.block(modes_, first_, others, count);
    auto c = C2.block(modes_, first_, others, count);
    sum_ = root * (a + c);
    c = root * (a - c);
    a = sum_;
  }
  if (const Index others = A.cols() - modes_; others > 0) {
    auto a = A.block(first_, modes_, count, others);
    auto c = C1.block(modes_, first_, others, count);
    sum_ = root * (c + a.transpose());
    a = root * (c.transpose() - a);
    c = sum_;
  }
}

template <class Scalar> void ModeCoordinates<Scalar>::to(VectorOut<Scalar> y) {
  turn_others(y);
  turn_pairs(y);
}

template <class Scalar>
void ModeCoordinates<Scalar>::from(VectorOut<Scalar> y, bool whole) {
  turn_others(y);
  if (whole || first_ < last_) {
    auto blocks = flow_.mutable_blocks(y);
    mirror<Scalar>(blocks.C1);
    mirror<Scalar>(blocks.C2);
  }
  turn_pairs(y);
}

template class ModeCoordinates<double>;
template class ModeCoordinates<float>;

} // namespace linflow
