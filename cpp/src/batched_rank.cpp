#include "linflow/batched_rank.hpp"

#include <algorithm>
#include <cmath>

namespace linflow {
namespace {

constexpr Index kBlock = 4; // 16 sums and 5 operands in registers
constexpr int kMostIterations = 50;
constexpr double kRelative = 0.2; // of the rank

using Vector = Pack<double>::Vector;

Vector square_root(Vector x) {
  for (int lane = 0; lane < BatchedRank::kLanes; ++lane) {
    x[lane] = std::sqrt(x[lane]);
  }
  return x;
}

} // namespace

BatchedRank::BatchedRank(Index rows, Index cols)
    : size_(std::min(rows, cols)), padded_((size_ + kBlock - 1) / kBlock * kBlock),
      depth_(std::max(rows, cols)), tall_(rows > cols) {
  const auto zeros = [](Index count) {
    return Packs(static_cast<std::size_t>(count), Pack<double>{});
  };
  A_ = zeros(padded_ * depth_);
  gram_ = zeros(padded_ * padded_);
  diagonal_ = zeros(size_);
  squares_ = zeros(size_);
  reflector_ = zeros(size_);
  update_ = zeros(size_);
}

template <class Scalar> bool BatchedRank::load(int lane, const Matrix<Scalar>& A) {
  const auto largest =
      static_cast<double>(A.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>());
  if (!std::isfinite(largest)) {
    return false;
  }
  // By a power of two, so that no square over- or underflows and no bit changes.
  const double scale = largest > 0.0 ? std::ldexp(1.0, -std::ilogb(largest)) : 1.0;
  for (Index col = 0; col < A.cols(); ++col) {
    for (Index row = 0; row < A.rows(); ++row) {
      const Index at = tall_ ? col * depth_ + row : row * depth_ + col;
      A_[static_cast<std::size_t>(at)].v[lane] =
          scale * static_cast<double>(A(row, col));
    }
  }
  return true;
}

void BatchedRank::form_gram() {
  for (Index j = 0; j < padded_; j += kBlock) {
    for (Index i = j; i < padded_; i += kBlock) {
      Vector sums[kBlock][kBlock] = {};
      const Pack<double>* left = A_.data() + i * depth_;
      const Pack<double>* right = A_.data() + j * depth_;
      for (Index c = 0; c < depth_; ++c) {
        for (Index a = 0; a < kBlock; ++a) {
          const Vector p = left[a * depth_ + c].v;
          for (Index b = 0; b < kBlock; ++b) {
            sums[a][b] += p * right[b * depth_ + c].v;
          }
        }
      }
      for (Index b = 0; b < kBlock; ++b) {
        for (Index a = 0; a < kBlock; ++a) {
          gram_[static_cast<std::size_t>((j + b) * padded_ + i + a)].v = sums[a][b];
        }
      }
    }
  }
}

// By reflectors I − v vᵀ/h from both sides: S − v uᵀ − u vᵀ with u = p − (vᵀp/2h) v and
// p = S v/h.
void BatchedRank::make_tridiagonal() {
  Pack<double>* v = reflector_.data();
  Pack<double>* u = update_.data();
  for (Index k = 0; k < size_; ++k) {
    const Pack<double>* column = gram_.data() + k * padded_;
    const auto at = static_cast<std::size_t>(k);
    diagonal_[at].v = column[k].v;
    Vector norm2{};
    for (Index i = k + 1; i < size_; ++i) {
      norm2 += column[i].v * column[i].v;
      v[i].v = column[i].v;
      u[i].v = Vector{};
    }
    squares_[at].v = norm2;
    if (k + 2 >= size_) {
      continue; // is tridiagonal
    }
    const Vector first = column[k + 1].v;
    const Vector norm = square_root(norm2);
    const Vector signed_norm = first < 0.0 ? -norm : norm;
    v[k + 1].v = first + signed_norm;
    const Vector h = norm2 + first * signed_norm;
    const Vector inverse = h > 0.0 ? 1.0 / h : Vector{};
    for (Index j = k + 1; j < size_; ++j) {
      const Pack<double>* S = gram_.data() + j * padded_;
      const Vector vj = v[j].v;
      Vector sum = S[j].v * vj;
      for (Index i = j + 1; i < size_; ++i) {
        sum += S[i].v * v[i].v;
        u[i].v += S[i].v * vj;
      }
      u[j].v += sum;
    }
    Vector along{};
    for (Index i = k + 1; i < size_; ++i) {
      u[i].v *= inverse;
      along += u[i].v * v[i].v;
    }
    along *= 0.5 * inverse;
    for (Index i = k + 1; i < size_; ++i) {
      u[i].v -= along * v[i].v;
    }
    for (Index j = k + 1; j < size_; ++j) {
      Pack<double>* S = gram_.data() + j * padded_;
      const Vector vj = v[j].v;
      const Vector uj = u[j].v;
      for (Index i = j; i < size_; ++i) {
        S[i].v -= v[i].v * uj + u[i].v * vj;
      }
    }
  }
}

// With the pivots q of x − T, all positive right of the largest eigenvalue, and their
// derivatives q' and q'': G = Σ q'/q and H = Σ (q'/q)² − q''/q are Σ 1/(x − λ) and
// Σ 1/(x − λ)². Products of the pivots could over- and underflow.
BatchedRank::Vector BatchedRank::largest() const {
  const auto n = static_cast<double>(size_);
  Vector x{};
  for (std::size_t k = 0; k < diagonal_.size(); ++k) {
    x += diagonal_[k].v * diagonal_[k].v + 2.0 * squares_[k].v;
  }
  x = square_root(x); // the Frobenius norm: not below
  auto going = x > 0.0;
  for (int iteration = 0; any(going) && iteration < kMostIterations; ++iteration) {
    Vector G{};
    Vector H{};
    Vector square{};
    Vector inverse{};   // 1/q
    Vector slope{};     // q'/q
    Vector curvature{}; // q''/q
    auto right = going;
    for (std::size_t k = 0; k < diagonal_.size(); ++k) {
      const Vector ratio = square * inverse; // b²/q of the pivot before
      const Vector q = (x - diagonal_[k].v) - ratio;
      inverse = 1.0 / q;
      right &= q > 0.0;
      const Vector curvature_before = curvature;
      const Vector slope_before = slope;
      slope = (1.0 + ratio * slope_before) * inverse;
      curvature =
          ratio * (curvature_before - 2.0 * slope_before * slope_before) * inverse;
      G += slope;
      H += slope * slope - curvature;
      square = squares_[k].v;
    }
    const Vector spread = (n - 1.0) * (n * H - G * G);
    const Vector step = n / (G + square_root(spread > 0.0 ? spread : Vector{}));
    going = right & (step > 0.0);
    x = going ? x - step : x; // a pivot that is not positive: as close as can be
    going &= step > 2.0 * std::numeric_limits<double>::epsilon() * x;
  }
  return x;
}

BatchedRank::Vector BatchedRank::count_above(Vector level) const {
  constexpr double tiny = 1e-290;
  Vector count{};
  Vector square{};
  Vector pivot = Vector{} + 1.0;
  for (std::size_t k = 0; k < diagonal_.size(); ++k) {
    pivot = (diagonal_[k].v - level) - square / pivot;
    pivot = pivot == 0.0 ? Vector{} - tiny : pivot;
    count += pivot > 0.0 ? Vector{} + 1.0 : Vector{};
    square = squares_[k].v;
  }
  return count;
}

const std::array<RankSummary, BatchedRank::kLanes>& BatchedRank::compute() {
  form_gram();
  Vector frobenius2{};
  for (Index k = 0; k < size_; ++k) {
    frobenius2 += gram_[static_cast<std::size_t>(k * padded_ + k)].v;
  }
  make_tridiagonal();
  const Vector top = largest();
  const Vector count = count_above(kRelative * kRelative * top);
  for (int lane = 0; lane < kLanes; ++lane) {
    const bool zero = !(top[lane] > 0.0);
    summaries_[static_cast<std::size_t>(lane)] = {
        zero ? 0.0 : count[lane], zero ? kNaN : frobenius2[lane] / top[lane]};
  }
  return summaries_;
}

template bool BatchedRank::load<double>(int, const Matrix<double>&);
template bool BatchedRank::load<float>(int, const Matrix<float>&);

} // namespace linflow
