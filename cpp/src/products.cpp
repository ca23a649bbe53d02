#include "linflow/products.hpp"

#include "linflow/threads.hpp"

#include <algorithm>
#include <functional>

namespace linflow {
namespace {

constexpr Index kStripe = 48;

// A large product is shared by threads in panels of columns. A column goes through the
// same operations in a panel as in the whole, because a panel is a multiple of all
// widths that Eigen's kernels take at once: the bits do not depend on the threads.
constexpr Index kPanelUnit = 48;
constexpr Index kLarge = 100'000'000; // multiplications: some ms

// Calls part(first, columns) for each panel of C.
template <class Part>
void in_panels(Index rows, Index inner, Index columns, const Part& part) {
  const Index threads = rows * inner * columns < kLarge ? 1 : free_threads();
  if (threads == 1) {
    part(0, columns);
    return;
  }
  const Index units = (columns + kPanelUnit - 1) / kPanelUnit;
  const Index width = (units + threads - 1) / threads * kPanelUnit;
  const auto panel = [&](Index k) {
    part(k * width, std::min(width, columns - k * width));
  };
  split((columns + width - 1) / width, std::cref(panel));
}

// Calls part(first, width) for each stripe of a triangle.
template <class Part> void in_stripes(Index n, Index inner, const Part& part) {
  const auto stripe = [&](Index k) {
    part(k * kStripe, std::min(kStripe, n - k * kStripe));
  };
  const Index count = (n + kStripe - 1) / kStripe;
  if (n * n * inner < 2 * kLarge) {
    for (Index k = 0; k < count; ++k) {
      stripe(k);
    }
    return;
  }
  split(count, std::cref(stripe));
}

} // namespace

template <class Scalar>
void add_product(Scalar alpha,
                 const ConstBlock<Scalar>& A,
                 const ConstBlock<Scalar>& B,
                 Block<Scalar> C) {
  in_panels(C.rows(), A.cols(), C.cols(), [&](Index first, Index columns) {
    C.middleCols(first, columns).noalias() +=
        alpha * (A * B.middleCols(first, columns));
  });
}

template <class Scalar>
void add_product_tn(Scalar alpha,
                    const ConstBlock<Scalar>& A,
                    const ConstBlock<Scalar>& B,
                    Block<Scalar> C) {
  in_panels(C.rows(), A.rows(), C.cols(), [&](Index first, Index columns) {
    C.middleCols(first, columns).noalias() +=
        alpha * (A.transpose() * B.middleCols(first, columns));
  });
}

template <class Scalar>
void add_product_nt(Scalar alpha,
                    const ConstBlock<Scalar>& A,
                    const ConstBlock<Scalar>& B,
                    Block<Scalar> C) {
  in_panels(C.rows(), A.cols(), C.cols(), [&](Index first, Index columns) {
    C.middleCols(first, columns).noalias() +=
        alpha * (A * B.middleRows(first, columns).transpose());
  });
}

template <class Scalar>
Matrix<Scalar> multiply(const ConstBlock<Scalar>& A, const ConstBlock<Scalar>& B) {
  Matrix<Scalar> C = Matrix<Scalar>::Zero(A.rows(), B.cols());
  add_product<Scalar>(Scalar(1), A, B, C);
  return C;
}

template <class Scalar>
Matrix<Scalar> multiply_tn(const ConstBlock<Scalar>& A, const ConstBlock<Scalar>& B) {
  Matrix<Scalar> C = Matrix<Scalar>::Zero(A.cols(), B.cols());
  add_product_tn<Scalar>(Scalar(1), A, B, C);
  return C;
}

template <class Scalar>
Matrix<Scalar> multiply_nt(const ConstBlock<Scalar>& A, const ConstBlock<Scalar>& B) {
  Matrix<Scalar> C = Matrix<Scalar>::Zero(A.rows(), B.rows());
  add_product_nt<Scalar>(Scalar(1), A, B, C);
  return C;
}

// Stripes of columns from the diagonal down: at n = 200 twice as fast as a rank update.
template <class Scalar> void gram_nt(const ConstBlock<Scalar>& A, Block<Scalar> C) {
  const Index n = A.rows();
  in_stripes(n, A.cols(), [&](Index j, Index width) {
    C.block(j, j, n - j, width).setZero();
    add_product_nt<Scalar>(Scalar(1),
                           A.bottomRows(n - j),
                           A.middleRows(j, width),
                           C.block(j, j, n - j, width));
  });
}

template <class Scalar> void gram_tn(const ConstBlock<Scalar>& A, Block<Scalar> C) {
  const Index n = A.cols();
  in_stripes(n, A.rows(), [&](Index j, Index width) {
    C.block(j, j, n - j, width).setZero();
    add_product_tn<Scalar>(Scalar(1),
                           A.rightCols(n - j),
                           A.middleCols(j, width),
                           C.block(j, j, n - j, width));
  });
}

// In blocks that stay in the first-level cache.
template <class Scalar> void mirror(Block<Scalar> C) {
  constexpr Index kBlock = 16;
  for (Index j = 0; j < C.cols(); j += kBlock) {
    const Index width = std::min(kBlock, C.cols() - j);
    for (Index i = 0; i < j; i += kBlock) {
      C.block(i, j, kBlock, width) = C.block(j, i, width, kBlock).transpose();
    }
    for (Index k = 1; k < width; ++k) {
      C.col(j + k).segment(j, k) = C.row(j + k).segment(j, k).transpose();
    }
  }
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template void add_product<Scalar>(                                                   \
      Scalar, const ConstBlock<Scalar>&, const ConstBlock<Scalar>&, Block<Scalar>);    \
  template void add_product_tn<Scalar>(                                                \
      Scalar, const ConstBlock<Scalar>&, const ConstBlock<Scalar>&, Block<Scalar>);    \
  template void add_product_nt<Scalar>(                                                \
      Scalar, const ConstBlock<Scalar>&, const ConstBlock<Scalar>&, Block<Scalar>);    \
  template Matrix<Scalar> multiply<Scalar>(const ConstBlock<Scalar>&,                  \
                                           const ConstBlock<Scalar>&);                 \
  template Matrix<Scalar> multiply_tn<Scalar>(const ConstBlock<Scalar>&,               \
                                              const ConstBlock<Scalar>&);              \
  template Matrix<Scalar> multiply_nt<Scalar>(const ConstBlock<Scalar>&,               \
                                              const ConstBlock<Scalar>&);              \
  template void gram_nt<Scalar>(const ConstBlock<Scalar>&, Block<Scalar>);             \
  template void gram_tn<Scalar>(const ConstBlock<Scalar>&, Block<Scalar>);             \
  template void mirror<Scalar>(Block<Scalar>);

LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
