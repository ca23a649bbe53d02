#include "linflow/graded.hpp"

#include "linflow/cholesky.hpp"
#include "linflow/linear_algebra.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace linflow {
namespace {

constexpr Index kBlock = 32;

// Reflects the first `count` entries of each row from `from` on so that the pivot row's
// remainder ends up in its last entry. Rows above are zero there.
template <class S>
void reflect(Matrix<S>& a, Index pivot, Index from, Index count, S norm) {
  Vector<S> v = a.row(pivot).head(count).transpose() / norm; // no underflow in squares
  const S alpha = v[count - 1] > 0 ? S(-1) : S(1);
  v[count - 1] -= alpha;
  const S scale = 2 / v.squaredNorm();
  auto block = a.block(from, 0, a.rows() - from, count);
  const Vector<S> along = block * v;
  block.noalias() -= (scale * along) * v.transpose();
  a.row(pivot).head(count).setZero();
  a(pivot, count - 1) = alpha * norm;
}

} // namespace

template <class S> void Graded<S>::assign(Matrix<S> rows_, std::vector<Index> first_) {
  rows = std::move(rows_);
  first = std::move(first_);
  log_rows = rows.array().abs().log();
}

template <class S>
Graded<S> triangular(const Matrix<S>& rows, const Vector<S>& tolerance) {
  const Index n = rows.rows();
  const Index r = rows.cols();
  const Index k = std::min(n, r);
  Graded<S> out;
  { // Blocked, and right whenever every leading row is independent of those before.
    const Matrix<S> packed = triangularised<S>(rows.transpose());
    bool independent = true;
    for (Index i = 0; i < k; ++i)
      independent = independent && std::abs(packed(i, i)) > tolerance[i];
    if (independent) {
      Matrix<S> a = Matrix<S>::Zero(n, k);
      std::vector<Index> first(k);
      for (Index j = 0; j < k; ++j) {
        a.col(k - 1 - j).tail(n - j) = packed.row(j).tail(n - j).transpose();
        first[k - 1 - j] = j;
      }
      out.assign(std::move(a), std::move(first));
      return out;
    }
  }
  Matrix<S> a = rows;
  std::vector<Index> owner;
  Index left = r; // columns not yet owned
  for (Index i = 0; i < n && left > 0; ++i) {
    const S norm = a.row(i).head(left).stableNorm();
    if (norm <= tolerance[i]) {
      a.row(i).head(left).setZero();
      if (a.row(i).stableNorm() <= tolerance[i])
        a.row(i).setZero();
      continue;
    }
    reflect(a, i, i, left, norm);
    owner.push_back(i);
    --left;
  }
  std::reverse(owner.begin(), owner.end());
  Matrix<S> kept = a.rightCols(r - left);
  out.assign(std::move(kept), std::move(owner));
  return out;
}

template <class S>
void triangular_pivoted(const Graded<S>& in,
                        const Vector<S>& log_weight,
                        Graded<S>& out) {
  // Rows are permuted in place only logically: `free` lists those still without a
  // column.
  Matrix<S> a = in.rows;
  const Index n = a.rows();
  Index left = a.cols();
  std::vector<Index> free(n);
  for (Index i = 0; i < n; ++i)
    free[i] = i;
  const S noise = 8 * std::numeric_limits<S>::epsilon();
  Vector<S> floor = noise * in.rows.rowwise().norm();
  while (left > 0 && !free.empty()) {
    std::size_t best = free.size();
    S best_log = -std::numeric_limits<S>::infinity();
    for (std::size_t f = 0; f < free.size(); ++f) {
      const S norm = a.row(free[f]).head(left).stableNorm();
      if (norm <= floor[free[f]]) {
        a.row(free[f]).head(left).setZero();
        continue;
      }
      const S value = std::log(norm) + log_weight[free[f]];
      if (value > best_log) {
        best_log = value;
        best = f;
      }
    }
    if (best == free.size())
      break;
    const Index pivot = free[best];
    free.erase(free.begin() + std::ptrdiff_t(best));
    const S norm = a.row(pivot).head(left).stableNorm();
    // Owned rows are zero in the columns reflected, so that all rows may take part.
    reflect(a, pivot, Index(0), left, norm);
    --left;
  }
  const Index kept = a.cols() - left;
  Matrix<S> last = a.rightCols(kept);
  out.assign(std::move(last), std::vector<Index>(kept, 0));
}

namespace {

// W = scaled rows, gram = scaled I + Z^T Z (lower triangle).
template <class S>
void fill(const Graded<S>& factor, const Vector<S>& w, GradedWorkspace<S>& ws) {
  const Index n = factor.rows.rows();
  const Index r = factor.rows.cols();
  // exp(largest) stays finite; beyond it the entry it multiplies is zero or tiny.
  const S largest = std::log(std::numeric_limits<S>::max()) * S(0.98);
  ws.W.resize(n, r);
  ws.scale.resize(r);
  for (Index j = 0; j < r; ++j) {
    const Index f = factor.first[j];
    const Index len = n - f;
    const auto logs = factor.log_rows.col(j).tail(len);
    const S c = std::max(S(0), (logs + w.tail(len)).maxCoeff());
    ws.scale[j] = c;
    ws.W.col(j).head(f).setZero();
    auto column = ws.W.col(j).tail(len).array();
    column = (w.tail(len).array() - c).min(largest);
    // Entries far below the column's largest are zero: denormal numbers are slow.
    const bool deep = c > 0 && column.minCoeff() < S(-0.28) * largest;
    column = factor.rows.col(j).tail(len).array() * column.exp();
    if (deep)
      column = (column.abs() < std::exp(S(-0.28) * largest)).select(S(0), column);
  }
}

template <class S> void gram(const std::vector<Index>& first, GradedWorkspace<S>& ws) {
  const Index n = ws.W.rows();
  const Index r = ws.W.cols();
  ws.gram.resize(r, r);
  for (Index j = 0; j < r; j += kBlock) {
    const Index b = std::min(kBlock, r - j);
    // Later columns start higher up; only rows that this block has can contribute.
    const Index f = first[j + b - 1];
    ws.gram.block(j, j, r - j, b).setZero();
    add_product_tn<S>(S(1),
                      ws.W.block(f, j, n - f, r - j),
                      ws.W.block(f, j, n - f, b),
                      ws.gram.block(j, j, r - j, b));
  }
  ws.gram.diagonal().array() += (-2 * ws.scale.array()).exp();
}

// W <- W C^{-T}, C lower triangular, using the zeros of W. Diagonal blocks are inverted
// (C passed the condition test) because products are several times faster than solves.
template <class S>
void solve(const Matrix<S>& C,
           const std::vector<Index>& first,
           GradedWorkspace<S>& ws) {
  const Index n = ws.W.rows();
  const Index r = ws.W.cols();
  for (Index j = 0; j < r; j += kBlock) {
    const Index b = std::min(kBlock, r - j);
    const Index f = first[j + b - 1];
    ws.inverse = C.block(j, j, b, b).template triangularView<Eigen::Lower>();
    invert_lower<S>(ws.inverse);
    ws.panel.setZero(n - f, b);
    add_product_nt<S>(S(1), ws.W.block(f, j, n - f, b), ws.inverse, ws.panel);
    ws.W.block(f, j, n - f, b) = ws.panel;
    const Index rest = r - j - b;
    if (rest > 0)
      add_product_nt<S>(S(-1),
                        ws.panel,
                        C.block(j + b, j, rest, b),
                        ws.W.block(f, j + b, n - f, rest));
  }
}

} // namespace

template <class S>
const std::vector<Index>& eliminate(const Graded<S>& factor,
                                    const Vector<S>& log_weight,
                                    GradedWorkspace<S>& ws) {
  const Index r = factor.rows.cols();
  const Index n = factor.rows.rows();
  fill(factor, log_weight, ws);
  if (r == 0)
    return factor.first;
  gram(factor.first, ws);
  const Cholesky<S> factor_of_gram(ws.gram);
  const S limit = 1000 * std::sqrt(std::numeric_limits<S>::epsilon()) * S(1e-2);
  if (factor_of_gram.positive_definite() && factor_of_gram.rcond() > limit) {
    solve<S>(ws.gram, factor.first, ws);
    return factor.first;
  }
  triangular_pivoted(factor, log_weight, ws.pivoted);
  fill(ws.pivoted, log_weight, ws);
  const Index k = ws.pivoted.rows.cols();
  Matrix<S> stack(n + k, k);
  stack.topRows(k) = Matrix<S>((-ws.scale.array()).exp().matrix().asDiagonal());
  stack.bottomRows(n) = ws.W;
  const Matrix<S> packed = triangularised<S>(std::move(stack)).topRows(k).transpose();
  solve_right_transposed<S>(packed, ws.W);
  return ws.pivoted.first;
}

#define LINFLOW_INSTANTIATE(S)                                                         \
  template struct Graded<S>;                                                           \
  template Graded<S> triangular<S>(const Matrix<S>&, const Vector<S>&);                \
  template void triangular_pivoted<S>(const Graded<S>&, const Vector<S>&, Graded<S>&); \
  template const std::vector<Index>& eliminate<S>(                                     \
      const Graded<S>&, const Vector<S>&, GradedWorkspace<S>&);
LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
