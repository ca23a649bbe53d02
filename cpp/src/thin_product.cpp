#include "linflow/thin_product.hpp"

#include <algorithm>
#include <cstring>

namespace linflow {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 8;
#elif defined(__AVX__)
constexpr int kLanes = 4;
#else
constexpr int kLanes = 2;
#endif
using Lanes [[gnu::vector_size(kLanes * sizeof(double))]] = double;

constexpr int kColumns = 4; // of the block at a time
constexpr int kVectors = 3; // of rows at a time; with 4 columns 12 sums in registers

Lanes load(const double* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

void store(double* to, Lanes lanes) { std::memcpy(to, &lanes, sizeof lanes); }

double total(Lanes lanes) {
  double sum = 0.0;
  for (int i = 0; i < kLanes; ++i) {
    sum += lanes[i];
  }
  return sum;
}

struct View {
  const double* data;
  Index stride;
};

// M·kLanes rows of A, all `depth` columns, times N columns of V.
template <int M, int N>
void rows_times(View a, View v, Index depth, double* out, Index out_stride) {
  Lanes sum[N][M] = {};
  for (Index k = 0; k < depth; ++k) {
    Lanes rows[M];
    for (int i = 0; i < M; ++i) {
      rows[i] = load(a.data + k * a.stride + i * kLanes);
    }
    for (int j = 0; j < N; ++j) {
      const double factor = v.data[k + j * v.stride];
      for (int i = 0; i < M; ++i) {
        sum[j][i] += rows[i] * factor;
      }
    }
  }
  for (int j = 0; j < N; ++j) {
    for (int i = 0; i < M; ++i) {
      store(out + j * out_stride + i * kLanes, sum[j][i]);
    }
  }
}

template <int N>
void columns_of_product(const ConstBlock<double>& A,
                        View v,
                        double* out,
                        Index stride) {
  const Index rows = A.rows();
  Index i = 0;
  for (; i + kVectors * kLanes <= rows; i += kVectors * kLanes) {
    rows_times<kVectors, N>(
        {A.data() + i, A.outerStride()}, v, A.cols(), out + i, stride);
  }
  for (; i + kLanes <= rows; i += kLanes) {
    rows_times<1, N>({A.data() + i, A.outerStride()}, v, A.cols(), out + i, stride);
  }
  for (; i < rows; ++i) {
    for (int j = 0; j < N; ++j) {
      double sum = 0.0;
      for (Index k = 0; k < A.cols(); ++k) {
        sum += A(i, k) * v.data[k + j * v.stride];
      }
      out[i + j * stride] = sum;
    }
  }
}

// M columns of A, transposed, times N columns of U.
template <int M, int N>
void columns_times(View a, View u, Index depth, double* out, Index out_stride) {
  Lanes sum[N][M] = {};
  Index k = 0;
  for (; k + kLanes <= depth; k += kLanes) {
    Lanes columns[M];
    for (int i = 0; i < M; ++i) {
      columns[i] = load(a.data + k + i * a.stride);
    }
    for (int j = 0; j < N; ++j) {
      const Lanes factor = load(u.data + k + j * u.stride);
      for (int i = 0; i < M; ++i) {
        sum[j][i] += columns[i] * factor;
      }
    }
  }
  for (int j = 0; j < N; ++j) {
    for (int i = 0; i < M; ++i) {
      double all = total(sum[j][i]);
      for (Index rest = k; rest < depth; ++rest) {
        all += a.data[rest + i * a.stride] * u.data[rest + j * u.stride];
      }
      out[i + j * out_stride] = all;
    }
  }
}

template <int N>
void columns_of_product_tn(const ConstBlock<double>& A,
                           View u,
                           double* out,
                           Index stride) {
  const Index cols = A.cols();
  Index i = 0;
  for (; i + kColumns <= cols; i += kColumns) {
    columns_times<kColumns, N>({A.data() + i * A.outerStride(), A.outerStride()},
                               u,
                               A.rows(),
                               out + i,
                               stride);
  }
  for (; i < cols; ++i) {
    columns_times<1, N>({A.data() + i * A.outerStride(), A.outerStride()},
                        u,
                        A.rows(),
                        out + i,
                        stride);
  }
}

// Calls f<N>(first column) for as many columns at a time as there are left, up to four.
template <class F> void by_columns(Index count, F&& f) {
  Index j = 0;
  for (; j + kColumns <= count; j += kColumns) {
    f.template operator()<kColumns>(j);
  }
  switch (count - j) {
  case 3:
    f.template operator()<3>(j);
    break;
  case 2:
    f.template operator()<2>(j);
    break;
  case 1:
    f.template operator()<1>(j);
    break;
  default:
    break;
  }
}

} // namespace

void thin_product(const ConstBlock<double>& A,
                  const Matrix<double>& V,
                  Index count,
                  Matrix<double>& out) {
  by_columns(count, [&]<int N>(Index j) {
    columns_of_product<N>(
        A, {V.data() + j * V.outerStride(), V.outerStride()}, &out(0, j), out.rows());
  });
}

void thin_product_tn(const ConstBlock<double>& A,
                     const Matrix<double>& U,
                     Index count,
                     Matrix<double>& out) {
  by_columns(count, [&]<int N>(Index j) {
    columns_of_product_tn<N>(
        A, {U.data() + j * U.outerStride(), U.outerStride()}, &out(0, j), out.rows());
  });
}

} // namespace linflow
