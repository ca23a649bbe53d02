#include "linflow/batched_descent.hpp"

#include "linflow/pack_blocks.hpp"
#include "linflow/products.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {
namespace {

// The block that pads least for its speed; small ones repeat their loads more often.
Index choose_block(Index d_out, Index d_in) {
  constexpr std::array<double, 6> cost{0.0, 0.0, 2.0, 1.35, 1.1, 1.0};
  Index best = 2;
  double least = std::numeric_limits<double>::infinity();
  for (Index b = 2; b <= kMaxBlock; ++b) {
    const auto padded = [b](Index d) {
      return static_cast<double>((d + b - 1) / b * b);
    };
    const double total = padded(d_out) * padded(d_in) * padded(d_out + d_in) *
                         cost[static_cast<std::size_t>(b)];
    if (total < least) {
      least = total;
      best = b;
    }
  }
  return best;
}

} // namespace

bool worth_batching(Index d_out, Index d_in) {
  return std::max(d_out, d_in) <= kMaxDimension;
}

template <class Scalar>
BatchedDescent<Scalar>::BatchedDescent(Index d_out, Index d_in, Index units)
    : block_(choose_block(d_out, d_in)), rows_out_((d_out + block_ - 1) / block_),
      rows_in_((d_in + block_ - 1) / block_), columns_((units + block_ - 1) / block_),
      columns_now_(0), d_out_(d_out), d_in_(d_in), lane_X_(d_in, units),
      lane_Y_(d_out, units) {
  X_ = zeros(rows_in_, columns_ + 1);
  Y_ = zeros(rows_out_, columns_);
  minus_target_ = zeros(rows_out_, rows_in_);
  noise_ = minus_target_;
  residual_ = minus_target_;
  spare_ = minus_target_;
  kept_ = minus_target_;
  entries_ += static_cast<double>(d_out * d_in);
  for (Index col = 0; col < std::max(units, d_in); ++col) {
    col_places_.push_back(col_place(col));
  }
}

// A matrix of the outputs by the inputs.
template <class Scalar>
void BatchedDescent<Scalar>::fill(const Matrix<Scalar>& from,
                                  int lane,
                                  Pack<Scalar>* to,
                                  Scalar sign) {
  for (Index row = 0; row < from.rows(); ++row) {
    Pack<Scalar>* there = to + row_place(row, rows_in_);
    for (Index col = 0; col < from.cols(); ++col) {
      there[col_places_[static_cast<std::size_t>(col)]].v[lane] = sign * from(row, col);
    }
  }
}

template <class Scalar>
template <int B>
void BatchedDescent<Scalar>::fill_row(std::span<const double> row,
                                      int lane,
                                      Pack<Scalar>* to) {
  const auto count = static_cast<Index>(row.size());
  const double* from = row.data();
  for (Index first = 0; first < count; first += B, from += B, to += B * B) {
    const Index here = std::min<Index>(B, count - first);
    for (Index b = 0; b < here; ++b) {
      to[b * B].v[lane] = static_cast<Scalar>(from[b]);
    }
  }
}

template <class Scalar>
void BatchedDescent<Scalar>::load(int lane,
                                  const Objective<Scalar>& objective,
                                  double step_size,
                                  std::span<const double> rows) {
  const Index units = static_cast<Index>(rows.size()) / (d_out_ + d_in_);
  if (objective.d_out() != d_out_ || objective.d_in() != d_in_ ||
      static_cast<Index>(rows.size()) != units * (d_out_ + d_in_) ||
      units > columns_ * block_) {
    throw std::invalid_argument("batched descent: the network does not fit");
  }
  const auto index = static_cast<std::size_t>(lane);
  if (units_[index] > units) { // else nothing is left beside what is overwritten
    clear(lane);
  }
  units_[index] = units;
  update_units();
  const auto count = static_cast<std::size_t>(units);
  with_block(block_, [&](auto B) {
    Pack<Scalar>* X = X_.data() + first_ * block_ * block_;
    for (Index i = 0; i < d_in_; ++i, rows = rows.subspan(count)) {
      fill_row<B>(rows.first(count), lane, X + row_place(i, columns_ + 1));
    }
    for (Index i = 0; i < d_out_; ++i, rows = rows.subspan(count)) {
      fill_row<B>(rows.first(count), lane, Y_.data() + row_place(i, columns_));
    }
  });
  if (objectives_[index] != &objective) { // most cells of a lane share their task
    objectives_[index] = &objective;
    fill(objective.target(), lane, minus_target_.data(), Scalar(-1));
    if (objective.has_truth()) {
      fill(objective.noise(), lane, noise_.data());
    }
    no_truth_[lane] = objective.has_truth() ? 0.0 : kNaN;
  }
  step_size_.v[lane] = Scalar(0);
  next_step_size_.v[lane] = static_cast<Scalar>(step_size);
}

// To zero, padding included, which stays zero.
template <class Scalar> void BatchedDescent<Scalar>::clear(int lane) {
  for (Packs* packs : {&X_, &Y_, &residual_, &spare_}) {
    for (auto& pack : *packs) {
      pack.v[lane] = Scalar(0);
    }
  }
  units_[static_cast<std::size_t>(lane)] = 0;
  update_units();
}

// Columns of X that come into use are set to zero: they were moved over before.
template <class Scalar> void BatchedDescent<Scalar>::update_units() {
  const Index before = columns_now_;
  const Index units = *std::max_element(units_.begin(), units_.end());
  columns_now_ = (units + block_ - 1) / block_;
  for (Index j = 0; j < rows_in_ && columns_now_ > before; ++j) {
    const Index row = j * (columns_ + 1) + first_;
    std::fill_n(X_.begin() + (row + before) * block_ * block_,
                (columns_now_ - before) * block_ * block_,
                Pack<Scalar>{});
  }
}

template <class Scalar>
void BatchedDescent<Scalar>::measure(Numbers& train, Numbers& test) {
  step_size_ = next_step_size_;
  residual_.swap(spare_);
  train = Numbers{};
  test = Numbers{};
  with_block(block_, [&](auto B) { measure_blocks<B>(train, test); });
  train /= entries_;
  test = test / entries_ + no_truth_;
}

// G = Y Xᵀ − T and its two sums of squares; those of a block are added in float64.
template <class Scalar>
template <int B>
void BatchedDescent<Scalar>::measure_blocks(Numbers& train, Numbers& test) {
  using Vector = typename Pack<Scalar>::Vector;
  constexpr Index size = B * B;
  const Pack<Scalar>* X = X_.data() + first_ * size;
  for (Index i = 0; i < rows_out_; ++i) {
    for (Index j = 0; j < rows_in_; ++j) {
      const Index at = (i * rows_in_ + j) * size;
      Vector sums[B][B];
      load_block<B>(minus_target_.data() + at, sums);
      add_blocks<B, 1, B, 1, B>(columns_now_,
                                Y_.data() + i * columns_ * size,
                                size,
                                X + j * (columns_ + 1) * size,
                                size,
                                sums);
      Pack<Scalar>* residual = residual_.data() + at;
      const Pack<Scalar>* noise = noise_.data() + at;
      Vector squares[2] = {}; // two chains of additions each
      Vector test_squares[2] = {};
#pragma GCC unroll 5
      for (int b = 0; b < B; ++b) {
#pragma GCC unroll 5
        for (int a = 0; a < B; ++a) {
          const Vector g = sums[a][b];
          residual[b * B + a].v = g;
          squares[b % 2] += g * g;
          const Vector e = g + noise[b * B + a].v;
          test_squares[b % 2] += e * e;
        }
      }
      train += __builtin_convertvector(squares[0] + squares[1], Numbers);
      test += __builtin_convertvector(test_squares[0] + test_squares[1], Numbers);
    }
  }
}

// Column of blocks by column of blocks: both updates read the old values of that column
// and no other. The new column of X goes to the place beside, which is free: the
// columns move to and fro by one place.
template <class Scalar> void BatchedDescent<Scalar>::advance() {
  with_block(block_, [&](auto B) { advance_blocks<B>(); });
}

template <class Scalar> template <int B> void BatchedDescent<Scalar>::advance_blocks() {
  using Vector = typename Pack<Scalar>::Vector;
  constexpr Index size = B * B;

  const Pack<Scalar>* G = residual_.data();
  const Index shift = first_ == 0 ? 1 : -1;
  for (Index n = 0; n < columns_now_; ++n) {
    const Index k = shift > 0 ? columns_now_ - 1 - n : n;
    Pack<Scalar>* X = X_.data() + (first_ + k) * size;
    Pack<Scalar>* Y = Y_.data() + k * size;
    for (Index j = 0; j < rows_in_; ++j) {
      Vector sums[B][B] = {};
      add_blocks<B, B, 1, B, 1>(
          rows_out_, G + j * size, rows_in_ * size, Y, columns_ * size, sums);
      const Pack<Scalar>* x = X + j * (columns_ + 1) * size;
      Pack<Scalar>* next = X + (j * (columns_ + 1) + shift) * size;
      const Vector step = read_late(step_size_);
      for (int a = 0; a < B; ++a) {
        for (int b = 0; b < B; ++b) {
          next[b * B + a].v = x[b * B + a].v - step * sums[a][b];
        }
      }
    }
    for (Index i = 0; i < rows_out_; ++i) {
      Vector sums[B][B] = {};
      add_blocks<B, 1, B, B, 1>(
          rows_in_, G + i * rows_in_ * size, size, X, (columns_ + 1) * size, sums);
      Pack<Scalar>* y = Y + i * columns_ * size;
      const Vector step = read_late(step_size_);
      for (int a = 0; a < B; ++a) {
        for (int b = 0; b < B; ++b) {
          y[b * B + a].v -= step * sums[a][b];
        }
      }
    }
  }
  first_ += shift;
}

template <class Scalar> void BatchedDescent<Scalar>::keep(const LaneFlags& lanes) {
  using Vector = typename Pack<Scalar>::Vector;
  decltype(Vector{} < Vector{}) mask{};
  for (int lane = 0; lane < kLanes; ++lane) {
    mask[lane] = lanes[static_cast<std::size_t>(lane)] ? -1 : 0;
  }
  for (std::size_t i = 0; i < residual_.size(); ++i) {
    kept_[i].v = mask ? spare_[i].v : kept_[i].v;
  }
}

template <class Scalar>
void BatchedDescent<Scalar>::product(int lane, Matrix<Scalar>& out) {
  const auto index = static_cast<std::size_t>(lane);
  read(residual_, lane, out);
  if (objectives_[index]->drowns(out)) {
    auto X = lane_X_.leftCols(units_[index]);
    auto Y = lane_Y_.leftCols(units_[index]);
    take(X_.data() + first_ * block_ * block_, columns_ + 1, lane, X);
    take(Y_.data(), columns_, lane, Y);
    out.setZero();
    add_product_nt<Scalar>(Scalar(1), Y, X, out);
  }
}

template <class Scalar>
bool BatchedDescent<Scalar>::kept(int lane, Matrix<Scalar>& out) const {
  read(kept_, lane, out);
  return !objectives_[static_cast<std::size_t>(lane)]->drowns(out);
}

// A = G + T
template <class Scalar>
void BatchedDescent<Scalar>::read(const Packs& residual,
                                  int lane,
                                  Matrix<Scalar>& out) const {
  out.resize(d_out_, d_in_);
  take(residual.data(), rows_in_, lane, out);
  out += objectives_[static_cast<std::size_t>(lane)]->target();
}

// A lane of a matrix that is `columns` blocks wide.
template <class Scalar>
void BatchedDescent<Scalar>::take(const Pack<Scalar>* from,
                                  Index columns,
                                  int lane,
                                  Block<Scalar> out) const {
  for (Index i = 0; i < out.rows(); ++i) {
    const Pack<Scalar>* row = from + row_place(i, columns);
    for (Index j = 0; j < out.cols(); ++j) {
      out(i, j) = row[col_places_[static_cast<std::size_t>(j)]].v[lane];
    }
  }
}

template class BatchedDescent<double>;
template class BatchedDescent<float>;

} // namespace linflow
