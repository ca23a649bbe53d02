#include "linflow/chebyshev_filter.hpp"

#include "linflow/thin_product.hpp"

#include <cmath>

namespace linflow {

ChebyshevFilter::ChebyshevFilter(Index rows, Index cols, Index block)
    : image_(rows, block), again_(cols, block), now_(cols, block), next_(cols, block),
      overlap_(block, block) {}

double ChebyshevFilter::growth(double x, int degree) {
  return x > 1.0 ? std::cosh(degree * std::acosh(2.0 * x * x - 1.0)) : 1.0;
}

double ChebyshevFilter::degree(double x, double growth) {
  return std::acosh(growth) / std::acosh(2.0 * x * x - 1.0);
}

void ChebyshevFilter::step(const Matrix<double>& A,
                           const Matrix<double>& V,
                           Index locked,
                           double alpha,
                           double beta) {
  const Index count = V.cols() - locked;
  auto next = next_.leftCols(count); // holds the last one
  thin_product(A, now_, count, image_);
  thin_product_tn(A, image_, count, again_);
  next = alpha * again_.leftCols(count) + beta * now_.leftCols(count) - next;
  if (locked > 0) {
    thin_product_tn(V.leftCols(locked), next_, count, overlap_);
    thin_product(V.leftCols(locked), overlap_, count, again_);
    next -= again_.leftCols(count);
  }
  now_.swap(next_);
}

void ChebyshevFilter::apply(
    const Matrix<double>& A, Matrix<double>& V, Index locked, int degree, double c) {
  const Index count = V.cols() - locked;
  const double scale = 2.0 / (c * c);
  now_.leftCols(count) = V.rightCols(count);
  next_.leftCols(count).setZero();
  step(A, V, locked, scale, -1.0);
  for (int m = 1; m < degree; ++m) {
    step(A, V, locked, 2.0 * scale, -2.0);
  }
  V.rightCols(count) = now_.leftCols(count);
}

} // namespace linflow
