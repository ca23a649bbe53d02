#include "linflow/products.hpp"

#include <algorithm>

namespace linflow {
namespace {

constexpr Index kStripe = 48;

} // namespace

template <class Scalar>
void add_product(Scalar alpha,
                 const ConstBlock<Scalar>& A,
                 const ConstBlock<Scalar>& B,
                 Block<Scalar> C) {
  C.noalias() += alpha * (A * B);
}

template <class Scalar>
void add_product_tn(Scalar alpha,
                    const ConstBlock<Scalar>& A,
                    const ConstBlock<Scalar>& B,
                    Block<Scalar> C) {
  C.noalias() += alpha * (A.transpose() * B);
}

template <class Scalar>
void add_product_nt(Scalar alpha,
                    const ConstBlock<Scalar>& A,
                    const ConstBlock<Scalar>& B,
                    Block<Scalar> C) {
  C.noalias() += alpha * (A * B.transpose());
}

// Stripes of columns from the diagonal down: at n = 200 twice as fast as a rank update.
template <class Scalar> void gram_nt(const ConstBlock<Scalar>& A, Block<Scalar> C) {
  const Index n = A.rows();
  for (Index j = 0; j < n; j += kStripe) {
    const Index width = std::min(kStripe, n - j);
    C.block(j, j, n - j, width).setZero();
    add_product_nt<Scalar>(Scalar(1),
                           A.bottomRows(n - j),
                           A.middleRows(j, width),
                           C.block(j, j, n - j, width));
  }
}

template <class Scalar> void gram_tn(const ConstBlock<Scalar>& A, Block<Scalar> C) {
  const Index n = A.cols();
  for (Index j = 0; j < n; j += kStripe) {
    const Index width = std::min(kStripe, n - j);
    C.block(j, j, n - j, width).setZero();
    add_product_tn<Scalar>(Scalar(1),
                           A.rightCols(n - j),
                           A.middleCols(j, width),
                           C.block(j, j, n - j, width));
  }
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template void add_product<Scalar>(                                                   \
      Scalar, const ConstBlock<Scalar>&, const ConstBlock<Scalar>&, Block<Scalar>);    \
  template void add_product_tn<Scalar>(                                                \
      Scalar, const ConstBlock<Scalar>&, const ConstBlock<Scalar>&, Block<Scalar>);    \
  template void add_product_nt<Scalar>(                                                \
      Scalar, const ConstBlock<Scalar>&, const ConstBlock<Scalar>&, Block<Scalar>);    \
  template void gram_nt<Scalar>(const ConstBlock<Scalar>&, Block<Scalar>);             \
  template void gram_tn<Scalar>(const ConstBlock<Scalar>&, Block<Scalar>);

LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
