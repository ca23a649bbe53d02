#include "linflow/tracking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace linflow {
namespace {

constexpr double kClose = 1e-3; // of the larger value
constexpr double kClear = 0.9;  // overlap of a match beyond doubt

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

} // namespace

ModeTracker::ModeTracker(Index rows, Index cols, Index top)
    : of_mode_(at(top)), of_new_(at(top)), values_(top), overlap_(top), cluster_(top),
      U_(rows, top), V_(cols, top), next_U_(rows, top), next_V_(cols, top),
      left_(top, top), right_(top, top), cost_(top, top) {}

void ModeTracker::update(const VectorIn<double>& values,
                         const ConstBlock<double>& U,
                         const ConstBlock<double>& V) {
  const Index n = values_.size();
  cluster_.setZero();
  if (!values.allFinite()) { // followed no further, but not forgotten either
    values_.setConstant(kNaN);
    overlap_.setZero();
    return;
  }
  if (!started_) {
    started_ = true;
    values_ = values;
    U_ = U;
    V_ = V;
    overlap_.setOnes();
    return;
  }
  left_.setZero();
  right_.setZero();
  add_product_tn<double>(1.0, U_, U, left_);
  add_product_tn<double>(1.0, V_, V, right_);
  cost_ = -(left_.array() * right_.array()).abs();
  match();
  for (Index p = 0; p < n; ++p) {
    const Index j = of_mode_[at(p)];
    of_new_[at(j)] = p;
    const double sign = left_(p, j) + right_(p, j) < 0.0 ? -1.0 : 1.0;
    next_U_.col(p) = sign * U.col(j);
    next_V_.col(p) = sign * V.col(j);
    values_[p] = values[j];
    overlap_[p] = -cost_(p, j);
  }
  double number = 0.0;
  for (Index first = 0; first < n;) {
    Index last = first;
    while (last + 1 < n && values[last] - values[last + 1] <= kClose * values[first]) {
      ++last;
    }
    bool clear = true;
    for (Index j = first; j <= last; ++j) {
      clear = clear && overlap_[of_new_[at(j)]] >= kClear;
    }
    if (last > first && !clear) {
      number += 1.0;
      for (Index j = first; j <= last; ++j) {
        cluster_[of_new_[at(j)]] = number;
      }
      rotate_cluster(values, first, last);
    }
    first = last + 1;
  }
  U_.swap(next_U_);
  V_.swap(next_V_);
}

// Turns the new vectors first..last within their subspace so that they are nearest to
// the followed ones, R = C (CᵀC)^{-1/2} with C the mean of both sides' overlaps; the
// values go to the modes in the order of the turned diagonal.
void ModeTracker::rotate_cluster(const VectorIn<double>& values,
                                 Index first,
                                 Index last) {
  const Index g = last - first + 1;
  std::vector<Index> modes;
  for (Index j = first; j <= last; ++j) {
    modes.push_back(of_new_[at(j)]);
  }
  std::sort(modes.begin(), modes.end());
  // Overlaps with the signed candidates that stand in next_ by now, mode by mode.
  Matrix<double> C(g, g);
  Matrix<double> old_U(U_.rows(), g);
  Matrix<double> old_V(V_.rows(), g);
  Matrix<double> new_U(U_.rows(), g);
  Matrix<double> new_V(V_.rows(), g);
  Vector<double> value(g);
  for (Index i = 0; i < g; ++i) {
    const Index p = modes[at(i)];
    old_U.col(i) = U_.col(p);
    old_V.col(i) = V_.col(p);
    new_U.col(i) = next_U_.col(p);
    new_V.col(i) = next_V_.col(p);
    value[i] = values[of_mode_[at(p)]];
  }
  C.setZero();
  add_product_tn<double>(0.5, old_U, new_U, C);
  add_product_tn<double>(0.5, old_V, new_V, C);
  SmallEigen eigen(g);
  gram_tn<double>(C, eigen.H());
  eigen.compute();
  if (eigen.value(g - 1) < 1e-6) { // a newcomer: nothing to be near to
    return;
  }
  Matrix<double> Y(g, g);
  eigen.vectors(Y);
  Matrix<double> scaled = Y;
  for (Index i = 0; i < g; ++i) {
    scaled.col(i) /= std::sqrt(eigen.value(i));
  }
  Matrix<double> root = Matrix<double>::Zero(g, g);
  add_product_nt<double>(1.0, scaled, Y, root);
  Matrix<double> R = Matrix<double>::Zero(g, g);
  add_product<double>(1.0, C, root, R);
  Matrix<double> turned_U = Matrix<double>::Zero(U_.rows(), g);
  Matrix<double> turned_V = Matrix<double>::Zero(V_.rows(), g);
  add_product_nt<double>(1.0, new_U, R, turned_U);
  add_product_nt<double>(1.0, new_V, R, turned_V);
  std::vector<Index> order(at(g));
  std::iota(order.begin(), order.end(), Index{0});
  Vector<double> diagonal(g);
  for (Index i = 0; i < g; ++i) {
    diagonal[i] = (R.row(i).transpose().array().square() * value.array()).sum();
  }
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    return diagonal[a] > diagonal[b] || (diagonal[a] == diagonal[b] && a < b);
  });
  for (Index i = 0; i < g; ++i) {
    const Index p = modes[at(i)];
    next_U_.col(p) = turned_U.col(i);
    next_V_.col(p) = turned_V.col(i);
    overlap_[p] =
        std::abs(old_U.col(i).dot(turned_U.col(i)) * old_V.col(i).dot(turned_V.col(i)));
    values_[modes[at(order[at(i)])]] = values[first + i];
  }
}

// The assignment of least total cost, mode by mode along shortest augmenting paths with
// potentials (Kuhn 1955; Munkres 1957, in the form of Jonker and Volgenant 1987).
void ModeTracker::match() {
  const Index n = cost_.rows();
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> row(at(n + 1), 0.0);
  std::vector<double> column(at(n + 1), 0.0);
  std::vector<Index> owner(at(n + 1), 0); // of each column, counted from 1
  std::vector<Index> way(at(n + 1), 0);
  for (Index i = 1; i <= n; ++i) {
    owner[0] = i;
    Index j0 = 0;
    std::vector<double> least(at(n + 1), infinity);
    std::vector<bool> used(at(n + 1), false);
    do {
      used[at(j0)] = true;
      const Index i0 = owner[at(j0)];
      double delta = infinity;
      Index j1 = 0;
      for (Index j = 1; j <= n; ++j) {
        if (used[at(j)]) {
          continue;
        }
        const double reduced = cost_(i0 - 1, j - 1) - row[at(i0)] - column[at(j)];
        if (reduced < least[at(j)]) {
          least[at(j)] = reduced;
          way[at(j)] = j0;
        }
        if (least[at(j)] < delta) {
          delta = least[at(j)];
          j1 = j;
        }
      }
      for (Index j = 0; j <= n; ++j) {
        if (used[at(j)]) {
          row[at(owner[at(j)])] += delta;
          column[at(j)] -= delta;
        } else {
          least[at(j)] -= delta;
        }
      }
      j0 = j1;
    } while (owner[at(j0)] != 0);
    do {
      const Index j1 = way[at(j0)];
      owner[at(j0)] = owner[at(j1)];
      j0 = j1;
    } while (j0 != 0);
  }
  for (Index j = 1; j <= n; ++j) {
    of_mode_[at(owner[at(j)] - 1)] = j - 1;
  }
}

} // namespace linflow
