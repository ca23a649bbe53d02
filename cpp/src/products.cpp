#include "linflow/products.hpp"

namespace linflow {

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

template <class Scalar> void gram_nt(const ConstBlock<Scalar>& A, Block<Scalar> C) {
  C.template triangularView<Eigen::Lower>().setZero();
  C.template selfadjointView<Eigen::Lower>().rankUpdate(A);
}

template <class Scalar> void gram_tn(const ConstBlock<Scalar>& A, Block<Scalar> C) {
  C.template triangularView<Eigen::Lower>().setZero();
  C.template selfadjointView<Eigen::Lower>().rankUpdate(A.transpose());
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
