// A polynomial filter that turns vectors towards the largest singular directions.
#pragma once

#include "linflow/types.hpp"

namespace linflow {

// V ← T_m(2 AᵀA/c² − I) V with Chebyshev's polynomial: directions of singular values up
// to c stay below 1, one of x·c grows by cosh(m·arcosh(2x² − 1)), the most that any
// polynomial of degree m can do (Zhou, Saad, Tiago, Chelikowsky, J. Comput. Phys. 219
// (2006)). Powers of AᵀA would grow by x^{2m}.
class ChebyshevFilter {
public:
  ChebyshevFilter(Index rows, Index cols, Index block);

  // The last columns of V, all after the first `locked`, which are orthonormal and are
  // projected out: what has grown a million times more would drown the rest.
  void
  apply(const Matrix<double>& A, Matrix<double>& V, Index locked, int degree, double c);

  // cosh(m·arcosh(2x² − 1)), and the least m that grows by at least `growth`.
  [[nodiscard]] static double growth(double x, int degree);
  [[nodiscard]] static double degree(double x, double growth);

private:
  // next ← α AᵀA now + β now − last, without the locked columns of V.
  void step(const Matrix<double>& A,
            const Matrix<double>& V,
            Index locked,
            double alpha,
            double beta);

  Matrix<double> image_; // A·now
  Matrix<double> again_; // AᵀA·now
  Matrix<double> now_;
  Matrix<double> next_;
  Matrix<double> overlap_;
};

} // namespace linflow
