// The symmetric eigenproblem of a few dimensions.
#pragma once

#include "linflow/types.hpp"

#include <vector>

namespace linflow {

// Eigenvalues and vectors of a small positive matrix by Jacobi's rotations. Its
// relative accuracy is that of the matrix scaled to unit diagonal (Demmel, Veselić,
// SIAM J. Matrix Anal. Appl. 13 (1992)): small values of a graded, nearly diagonal
// matrix are kept.
class SmallEigen {
public:
  explicit SmallEigen(Index n)
      : H_(n, n), Y_(n, n), order_(static_cast<std::size_t>(n)) {}
  Matrix<double>& H() { return H_; } // to be filled (lower triangle); destroyed
  void compute();                    // descending
  [[nodiscard]] double value(Index i) const { return H_(order_[i], order_[i]); }
  // Y into `out`, columns in the order of the values.
  void vectors(Matrix<double>& out) const;

private:
  Matrix<double> H_;
  Matrix<double> Y_;
  std::vector<Index> order_;
};

} // namespace linflow
