// Singular values of a bidiagonal matrix by the differential qd algorithm with shifts.
//
// Source: Fernando, Parlett, "Accurate singular values and differential qd algorithms",
// Numer. Math. 67 (1994); shifts after Parlett, Marques, "An implementation of the dqds
// algorithm (positive case)", Linear Algebra Appl. 309 (2000), in a shorter form.
#pragma once

#include "linflow/types.hpp"

#include <span>
#include <vector>

namespace linflow {

// A workspace for matrices of up to n columns. Each value is right to
// max(1e-13 s_i, ε s_1/4). Cost O(n²): about three sweeps of n divisions per value.
class BidiagonalValues {
public:
  explicit BidiagonalValues(Index n);

  // Values, descending, of the upper bidiagonal matrix of this diagonal (n) and
  // superdiagonal (n − 1), both finite. Signs do not matter.
  void compute(std::span<const double> diagonal,
               std::span<const double> superdiagonal,
               VectorOut<double> values);

private:
  // What one transform says about where the smallest eigenvalue is: the last three
  // intermediate quantities d, and the minima over all of them, all but the last, and
  // all but the last two.
  struct Sweep {
    double d = 0.0;
    double d1 = 0.0;
    double d2 = 0.0;
    double min = 0.0;
    double min1 = 0.0;
    double min2 = 0.0;
    Index split = -1; // the last e that may be neglected
  };
  struct Piece {
    Index first = 0;
    double shift = 0.0;
  };

  Sweep transform(Index first, Index last, double shift, double negligible);
  [[nodiscard]] double choose_shift(Index first, Index last, const Sweep& sweep) const;
  void reverse(Index first, Index last);

  std::vector<double> q_;
  std::vector<double> e_;
  std::vector<double> next_q_;
  std::vector<double> next_e_;
  std::vector<Piece> pieces_;
};

} // namespace linflow
