// Graded elimination: rows Z_i = e^{w_i} x_i whose weights differ by any factor (they
// grow like e^{tL}), through the orthogonal part of [I; Z] without ever forming Z.
//
//     X = Z C^{-T},  C C^T = I + Z^T Z,  so  X X^T = Z (I + Z^T Z)^{-1} Z^T.
//
// X does not change when [I; Z] is multiplied from the right by a diagonal matrix, so
// every column is scaled to size one by a log-scale of its own; I becomes
// diag(e^{-c_j}) and may underflow: such a column is a constraint (a row of infinite
// weight). A triangular x, in which the heaviest row owns a column for itself, the next
// one the next, keeps the scaled columns well conditioned (Powell and Reid 1969, Cox
// and Higham 1998: row ordering and column pivoting make QR stable row by row; here
// both are done on Z^T once). Columns stand weakest first, so that strong columns are
// orthogonalised against weak ones: a weak direction never sees the rounding of a
// strong one.
#pragma once

#include "linflow/types.hpp"

#include <vector>

namespace linflow {

// Rows of a factor in a hidden basis fit for elimination.
template <class S> struct Graded {
  Matrix<S> rows;           // n x r
  Matrix<S> log_rows;       // log |rows|, -infinity for zero
  std::vector<Index> first; // first non-zero row of each column, not increasing

  void assign(Matrix<S> rows_, std::vector<Index> first_);
};

template <class S> struct GradedWorkspace {
  Matrix<S> W, gram, panel, inverse;
  Vector<S> scale;
  Graded<S> pivoted;
};

// Triangular form by rotations of the hidden space: row 0 owns the last column, the
// next independent row the column before, and so on. A row whose remainder is below its
// tolerance brings no new direction; the remainder is set to zero exactly, which is
// what keeps rounding from being amplified into an escape from a saddle.
template <class S>
Graded<S> triangular(const Matrix<S>& rows, const Vector<S>& tolerance);

// The same, taking the row with the largest remaining weight first.
template <class S>
void triangular_pivoted(const Graded<S>& in,
                        const Vector<S>& log_weight,
                        Graded<S>& out);

// X (n x r) as above into ws.W; returns the `first` that X inherits (its zero pattern).
// Cholesky of the scaled I + Z^T Z; when its reciprocal condition is below 1e-7 the
// rows are pivoted by weight at this time and Householder QR does it instead.
template <class S>
const std::vector<Index>&
eliminate(const Graded<S>& factor, const Vector<S>& log_weight, GradedWorkspace<S>& ws);

} // namespace linflow
