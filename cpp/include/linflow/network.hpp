// The compressed network (theory §2).
//
// A network of any width w acts on the outside only through P = QQᵀ, Q = [W1ᵀ; W2]. So
// it is kept as X = W1ᵀ (d_in×r) and Y = W2 (d_out×r) with r = min(w, d_in + d_out)
// hidden units, however large w is.
#pragma once

#include "linflow/random.hpp"
#include "linflow/types.hpp"

#include <span>
#include <vector>

namespace linflow {

// The width that a network of requested width w gets: w itself (any real number) from
// n = d_in + d_out on, the nearest integer below.
double realised_width(double width, Index d_in, Index d_out);

// Hidden units r that are kept for a realised width.
Index hidden_units(double width, Index d_in, Index d_out);

// Draws the rows of Q with the law of P of iid entries N(0, variance1) in W1 and
// N(0, variance2) in W2. From w = n on by Bartlett's decomposition, which never touches
// w numbers: Q = diag(σ1 I, σ2 I) L, L lower triangular, L_ii² ~ χ²_{w−i}; below n
// directly. Stream: first the n chi-squares, then the normals below the diagonal, row
// by row; directly: all entries of Q, row by row.
class GaussianRows {
public:
  // The stream must outlive the draw.
  void begin(Pcg64& stream,
             double width,
             double variance1,
             double variance2,
             Index d_in,
             Index d_out);
  // The next row of X = W1ᵀ or, after them, of Y = W2: hidden_units(width) numbers.
  void next(std::span<double> row);

private:
  // The next so many normals of the stream, which are drawn ahead.
  const double* take(Index count);

  Pcg64* stream_ = nullptr;
  double sigma1_ = 0.0;
  double sigma2_ = 0.0;
  Index d_in_ = 0;
  Index row_ = 0;
  Index left_ = 0; // normals not yet drawn
  bool bartlett_ = false;
  std::vector<double> diagonal_;
  std::vector<double> normals_;
  Index taken_ = 0; // of normals_
};

// X and Y of such a network, with hidden_units(width) columns. Always drawn in float64
// and rounded last, so that float32 runs start from the same network.
template <class Scalar>
void draw_gaussian(Pcg64& stream,
                   double width,
                   double variance1,
                   double variance2,
                   Block<Scalar> X,
                   Block<Scalar> Y);

// Given weights, compressed by an LQ factorisation Q = L·basisᵀ: X and Y are the rows
// of L (n×r, lower trapezoidal), basis (w×r) has orthonormal columns, and W1 =
// basis·Xᵀ, W2 = Y·basisᵀ. Cost O(w n²).
struct Compressed {
  Matrix<double> X;
  Matrix<double> Y;
  Matrix<double> basis;
};
Compressed compress(const Matrix<double>& W1, const Matrix<double>& W2);

} // namespace linflow
