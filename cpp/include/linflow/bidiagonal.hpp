// All singular values of a dense matrix, values only.
//
// Householder bidiagonalisation in panels (half of its 8/3 n³ operations are matrix
// products; Dongarra, Sorensen, Hammarling, J. Comput. Appl. Math. 27 (1989)), then
// qd.hpp. Backward stable: each value is right to a few ε of the largest. It takes less
// time than the eigenvalues of the Gram matrix, which lose half the digits.
#pragma once

#include "linflow/qd.hpp"

namespace linflow {

// A workspace for one shape; nothing is allocated after it was made.
class SingularValues {
public:
  SingularValues(Index rows, Index cols);

  // All min(rows, cols) values of a finite A, descending.
  template <class Scalar> const Vector<double>& compute(const Matrix<Scalar>& A);
  [[nodiscard]] const Vector<double>& values() const { return values_; }

private:
  void bidiagonalise();
  void bidiagonalise_small(); // one reflector at a time, without temporaries
  void panel(Index start, Index width);

  bool flipped_; // a wide matrix is worked on as its transpose
  Matrix<double> A_;
  // The present matrix is A_ − left_ rightᵀ; columns 2i and 2i+1 belong to the column
  // and the row reflector of step i of the panel.
  Matrix<double> left_;
  Matrix<double> right_;
  Vector<double> column_;
  Vector<double> row_;
  Vector<double> overlap_;
  std::vector<double> diagonal_;
  std::vector<double> superdiagonal_;
  BidiagonalValues solver_;
  Vector<double> values_;
};

} // namespace linflow
