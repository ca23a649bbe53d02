// Polynomials through nested Chebyshev points of [0, 1], for vectors that are dear to
// compute: twice the points keep those that are there.
#pragma once

#include "linflow/types.hpp"

#include <span>

namespace linflow {

template <class Scalar> class NodeInterpolation {
public:
  static constexpr int kMost = 17; // nodes, at the highest level
  static constexpr int kTop = 4;   // 2^level + 1 nodes

  // Where the k-th node lies; those of a level come before the next level's. The first
  // three are 0, 1 and 1/2.
  [[nodiscard]] static double node(int k);
  [[nodiscard]] static int count(int level) { return (1 << level) + 1; }

  void clear() { level_ = -1; }
  [[nodiscard]] bool ready() const { return level_ >= 0; }
  // Room for vectors of that size; kept from one use to the next.
  void reserve(Index size) { values_.resize(size, kMost); }
  [[nodiscard]] auto value(int k) { return values_.col(k); }
  [[nodiscard]] auto values(int first, int count) const {
    return values_.middleCols(first, count);
  }
  void use(int level) { level_ = level; }

  // The polynomial through the nodes of a level, a column for each theta.
  void
  evaluate(std::span<const double> thetas, int level, Eigen::Ref<Matrix<Scalar>> out);
  void evaluate(std::span<const double> thetas, Eigen::Ref<Matrix<Scalar>> out) {
    evaluate(thetas, level_, out);
  }

private:
  Matrix<Scalar> values_;
  Matrix<Scalar> weights_; // of the nodes, for each theta
  int level_ = -1;
};

} // namespace linflow
