// Singular values of the learned matrix A.
#pragma once

#include "linflow/linear_algebra.hpp"

namespace linflow {

// Summary of a spectrum, as in [TAJ] figure 2.
struct RankSummary {
  double rank = kNaN;        // number of singular values > s_1/5
  double stable_rank = kNaN; // ‖A‖_F²/‖A‖_op²
};
// A workspace for one shape. The values are the square roots of the eigenvalues of the
// smaller Gram matrix (2 ms at 200×200); those below 1e-4 of the largest, where
// squaring costs more than half the digits, are computed by a bidiagonal SVD of A
// instead (8 ms). So each value is right to max(1e-8 s_i, a few ε s_1).
template <class Scalar> class Spectrum {
public:
  Spectrum(Index d_out, Index d_in);

  // The `top` largest singular values, descending. A that is not finite gives NaN.
  void singular_values(const Matrix<Scalar>& A, Eigen::Ref<Vector<double>> top);

  // Rank and stable rank need the large values only: never the bidiagonal SVD.
  RankSummary rank_summary(const Matrix<Scalar>& A);

private:
  // Eigenvalues of the smaller Gram matrix of A/scale into solver_; returns the scale,
  // a power of two that keeps the squares from overflow and underflow (0 when A = 0).
  double decompose_gram(const Matrix<Scalar>& A);

  Matrix<double> gram_;
  Matrix<double> wide_; // A in float64 when Scalar is narrower
  SymmetricEigen<double> solver_;
};

} // namespace linflow
