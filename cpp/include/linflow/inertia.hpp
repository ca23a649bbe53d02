// The number of singular values above a threshold, without computing any.
//
// By Sylvester's law of inertia the positive pivots of S = AAᵀ − τ²I = L D Lᵀ are as
// many as the singular values above τ. The factorisation is blocked and does not pivot;
// how much it may have perturbed S is read off its own growth, ‖ |L||D||Lᵀ| ‖, and when
// that could have moved a singular value across τ(1 ± 5e-7), or τ is so small that
// squaring A already could, all singular values are computed instead (bidiagonal.hpp).
#pragma once

#include "linflow/bidiagonal.hpp"

#include <optional>
#include <span>

namespace linflow {

// A workspace for one shape. Cost of counting: one Gram matrix (n³), and n³/3 per
// threshold; nothing is allocated unless all singular values are needed.
class Inertia {
public:
  Inertia(Index rows, Index cols);

  // counts[i] = number of singular values of the finite matrix A above thresholds[i] ≥
  // 0. Right wherever no singular value is closer to the threshold than a relative 1e-6
  // (for thresholds ≥ 1e-9 s_1; below, than a few ε s_1).
  void count_above(const Matrix<double>& A,
                   std::span<const double> thresholds,
                   std::span<Index> counts);

  // How many of the counts so far came from all singular values instead.
  [[nodiscard]] Index fallbacks() const { return fallbacks_; }

private:
  // Positive pivots of gram_ − shift I; nothing when it could not be told safely. The
  // last of several shifts uses gram_ up.
  std::optional<Index> positive_pivots(double shift, bool last);
  void factor_block(Index start, Index width);

  Index rows_;
  Index cols_;
  Index fallbacks_ = 0;
  Matrix<double> scaled_;
  Matrix<double> gram_;
  Matrix<double> S_;
  Matrix<double> unit_;   // L⁻ᵀ of a diagonal block
  Matrix<double> below_;  // L D of the rows below it
  Vector<double> growth_; // rows of Σ l²|d|
  std::optional<SingularValues> all_;
};

} // namespace linflow
