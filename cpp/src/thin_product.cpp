#include "linflow/thin_product.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace linflow {
namespace {

// Columns of the block at a time, as many as the registers have room for.
#if defined(__AVX512F__)
constexpr int kLanes = 8;
constexpr int kRegisters = 32;
constexpr int kColumns = 12;
#elif defined(__AVX__)
constexpr int kLanes = 4;
constexpr int kRegisters = 16;
constexpr int kColumns = 6;
#elif defined(__aarch64__)
constexpr int kLanes = 2;
constexpr int kRegisters = 32;
constexpr int kColumns = 12;
#else
constexpr int kLanes = 2;
constexpr int kRegisters = 16;
constexpr int kColumns = 4;
#endif
using Lanes [[gnu::vector_size(kLanes * sizeof(double))]] = double;

Lanes load(const double* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

void store(double* to, Lanes lanes) { std::memcpy(to, &lanes, sizeof lanes); }

struct View {
  const double* data;
  Index stride;

  [[nodiscard]] const double* column(Index j) const { return data + j * stride; }
};

// A V, in tiles of `vectors` of rows by N columns of the block: their sums stay in
// registers, beside the rows and one factor. A tall block goes through in as few passes
// as that allows.
constexpr int vectors(int columns) {
  return std::clamp((kRegisters - 1) / (columns + 1), 1, 4);
}

// M·kLanes rows of A, all `depth` columns, times N columns of V.
template <int M, int N>
void rows_times(View a, View v, Index depth, double* out, Index out_stride) {
  Lanes sum[N][M] = {};
  for (Index k = 0; k < depth; ++k) {
    Lanes rows[M];
    for (int i = 0; i < M; ++i) {
      rows[i] = load(a.column(k) + i * kLanes);
    }
    for (int j = 0; j < N; ++j) {
      const double factor = v.column(j)[k];
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
                        Index out_stride) {
  constexpr int kVectors = vectors(N);
  const Index rows = A.rows();
  Index i = 0;
  for (; i + kVectors * kLanes <= rows; i += kVectors * kLanes) {
    rows_times<kVectors, N>(
        {A.data() + i, A.outerStride()}, v, A.cols(), out + i, out_stride);
  }
  for (; i < rows; i += kLanes) { // the last one takes some rows again
    const Index first = std::min(i, rows - kLanes);
    rows_times<1, N>(
        {A.data() + first, A.outerStride()}, v, A.cols(), out + first, out_stride);
  }
}

// Aᵀ U, in tiles of kGroup columns of A by N columns of the block. Each sum is spread
// over the lanes of a register; those of kLanes registers are added up at once.
constexpr int kGroup = 4;
constexpr int kColumnsTn = kRegisters == 32 ? 4 : 3;

constexpr auto kLastLanes = [] { // from the i-th on: zeros, and the last i are ones
  std::array<double, 2 * kLanes> weights{};
  std::fill(weights.begin() + kLanes, weights.end(), 1.0);
  return weights;
}();

// The sums of neighbours, those of `a` first.
template <int... I>
Lanes pairs(Lanes a, Lanes b, std::integer_sequence<int, I...> /*lanes*/) {
  const Lanes even = {(2 * I < kLanes ? a : b)[2 * I % kLanes]...};
  const Lanes odd = {(2 * I < kLanes ? a : b)[2 * I % kLanes + 1]...};
  return even + odd;
}

// Lane i, i < count, is the sum over the lanes of the i-th.
template <int count> Lanes totals(const Lanes* of) {
  if constexpr (count == 1) {
    return *of;
  } else {
    return pairs(totals<count / 2>(of),
                 totals<count / 2>(of + count / 2),
                 std::make_integer_sequence<int, kLanes>{});
  }
}

// kGroup columns of A, transposed, times N columns of U, of kLanes rows or more.
template <int N>
void columns_times(View a, View u, Index depth, double* out, Index out_stride) {
  constexpr int kSums = (N * kGroup + kLanes - 1) / kLanes * kLanes;
  Lanes sum[kSums] = {};
  const auto add = [&](Index k, Lanes weight) {
    Lanes columns[kGroup];
    for (int i = 0; i < kGroup; ++i) {
      columns[i] = load(a.column(i) + k);
    }
    for (int j = 0; j < N; ++j) {
      const Lanes factor = weight * load(u.column(j) + k);
      for (int i = 0; i < kGroup; ++i) {
        sum[j * kGroup + i] += columns[i] * factor;
      }
    }
  };
  Index k = 0;
  for (; k + kLanes <= depth; k += kLanes) {
    add(k, Lanes{} + 1.0);
  }
  if (k < depth) { // the last rows, less those that were there before
    const Index last = depth - kLanes;
    add(last, load(kLastLanes.data() + (depth - k)));
  }
  double all[kSums];
  for (int i = 0; i < kSums; i += kLanes) {
    store(all + i, totals<kLanes>(sum + i));
  }
  for (int j = 0; j < N; ++j) {
    std::copy_n(all + j * kGroup, kGroup, out + j * out_stride);
  }
}

// Calls part<N>(first) for `count` columns, N ≤ most at a time, all nearly as many.
template <int most, class Part> void by_columns(Index count, const Part& part) {
  Index left = (count + most - 1) / most;
  for (Index first = 0; left > 0; --left) {
    const Index n = (count - first + left - 1) / left;
    [&]<int... I>(std::integer_sequence<int, I...>) {
      ((n == I + 1 ? part.template operator()<I + 1>(first) : void()), ...);
    }(std::make_integer_sequence<int, most>{});
    first += n;
  }
}

} // namespace

void thin_product(const ConstBlock<double>& A,
                  const Matrix<double>& V,
                  Index count,
                  Matrix<double>& out) {
  if (A.rows() < kLanes) {
    out.topLeftCorner(A.rows(), count) = A.lazyProduct(V.leftCols(count));
    return;
  }
  by_columns<kColumns>(count, [&]<int N>(Index j) {
    columns_of_product<N>(
        A, {V.col(j).data(), V.outerStride()}, out.col(j).data(), out.outerStride());
  });
}

void thin_product_tn(const ConstBlock<double>& A,
                     const Matrix<double>& U,
                     Index count,
                     Matrix<double>& out) {
  if (A.rows() < kLanes || A.cols() < kGroup) {
    out.topLeftCorner(A.cols(), count) = A.transpose().lazyProduct(U.leftCols(count));
    return;
  }
  for (Index i = 0; i < A.cols(); i += kGroup) { // the last tile takes some again
    const Index first = std::min(i, A.cols() - kGroup);
    by_columns<kColumnsTn>(count, [&]<int N>(Index j) {
      columns_times<N>({A.data() + first * A.outerStride(), A.outerStride()},
                       {U.col(j).data(), U.outerStride()},
                       A.rows(),
                       &out(first, j),
                       out.outerStride());
    });
  }
}

} // namespace linflow
