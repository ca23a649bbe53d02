// Polynomials through nested Chebyshev points of [0, 1], for vectors that are dear to
// compute: twice the points keep those that are there.
#pragma once

#include "linflow/types.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace linflow {

template <class Scalar> class NodeInterpolation {
public:
  static constexpr int kMost = 33; // nodes, at the highest level
  static constexpr int kTop = 5;   // 2^level + 1 nodes

  // Where the k-th node lies; those of a level come before the next level's. The first
  // three are 0, 1 and 1/2.
  [[nodiscard]] static double node(int k);
  [[nodiscard]] static int count(int level) { return (1 << level) + 1; }

  // Where the polynomial is held against the vectors themselves; no nodes.
  static constexpr std::array<double, 2> kChecks = {0.25, 0.75};

  // From the values at 0 and 1: as few levels as are right within a tenth of the
  // tolerance, in the norm, with no more nodes than half of the points that are to be
  // read off; not ready where that does not work out. look(theta, out) computes a
  // vector, or returns false.
  template <class Look> void make(std::size_t points, double tolerance, Look&& look) {
    look(node(2), value(2));
    look(kChecks[0], check(0));
    look(kChecks[1], check(1));
    fit(points, tolerance, look);
  }
  // The same where the value at 1/2 and both checks are known too.
  template <class Look> void fit(std::size_t points, double tolerance, Look&& look);

  void clear() { level_ = -1; }
  [[nodiscard]] bool ready() const { return level_ >= 0; }
  // Room for the values at 0, 1 and 1/2 and at the checks, all of that size; kept, with
  // what is added for more nodes, from one use to the next.
  void reserve(Index size) {
    if (values_.rows() != size) {
      values_.resize(size, count(1));
      checks_.resize(size, 2);
    }
  }
  [[nodiscard]] auto value(int k) { return values_.col(k); }
  [[nodiscard]] auto check(int k) { return checks_.col(k); }

  // The polynomial through the nodes of a level, a column for each theta.
  void evaluate(std::span<const double> thetas, int level, Block<Scalar> out);
  void evaluate(std::span<const double> thetas, Block<Scalar> out) {
    evaluate(thetas, level_, out);
  }

private:
  Matrix<Scalar> values_;
  Matrix<Scalar> checks_;
  Matrix<Scalar> met_;     // a polynomial where the vectors are known
  Matrix<Scalar> weights_; // of the nodes, for each theta
  int level_ = -1;
};

template <class Scalar>
template <class Look>
void NodeInterpolation<Scalar>::fit(std::size_t points, double tolerance, Look&& look) {
  clear();
  const double allowed = 0.1 * tolerance;
  const auto motion = static_cast<double>((value(1) - value(0)).norm());
  // Of a polynomial on half the nodes, at the others; all nodes square it, relatively.
  const auto squared = [motion](double error) { return error * error / motion; };
  const auto most = [this] {
    return static_cast<double>(met_.colwise().norm().maxCoeff());
  };
  const auto worth = [points](int level) {
    return level <= kTop &&
           2 * static_cast<std::size_t>(count(level) - count(1)) <= points;
  };
  int finest = 1;
  while (worth(finest + 1)) {
    ++finest;
  }
  if (values_.cols() < count(finest)) { // thrice in a run at most
    values_.conservativeResize(Eigen::NoChange, count(finest));
  }
  for (int level = 2; level <= finest; ++level) {
    const int first = count(level - 1);
    const int fresh = count(level) - first;
    std::array<double, kMost> at{};
    for (int k = 0; k < fresh; ++k) {
      at.at(static_cast<std::size_t>(k)) = node(first + k);
      if (!look(node(first + k), value(first + k))) {
        return;
      }
    }
    met_.resize(values_.rows(), fresh);
    evaluate({at.data(), static_cast<std::size_t>(fresh)}, level - 1, met_);
    met_ -= values_.middleCols(first, fresh);
    const double coarse = squared(most());
    met_.resize(values_.rows(), 2);
    evaluate(kChecks, level, met_);
    met_ -= checks_;
    const double error = most();
    if (std::max(coarse, error) <= allowed) {
      level_ = level;
      return;
    }
    double left = std::max(coarse, error);
    for (int finer = level; finer < finest; ++finer) {
      left = squared(left);
    }
    if (!(left <= allowed)) {
      return;
    }
  }
}

} // namespace linflow
