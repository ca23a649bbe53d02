#include "linflow/levels.hpp"

#include <algorithm>
#include <cmath>

namespace linflow {

// Power sums of the eigenvalues of PJ are traces of its powers; (PJ)² = [[a, −cᵀ], [c,
// e]].
template <class Scalar>
Levels<Scalar> fitted_levels(const GramFlow<Scalar>& flow, const VectorIn<Scalar>& y) {
  const auto [A, C1, C2] = flow.blocks(y);
  const Index d_in = C1.rows();
  const Index d_out = C2.rows();
  Matrix<Scalar> a = Matrix<Scalar>::Zero(d_in, d_in);
  Matrix<Scalar> e = Matrix<Scalar>::Zero(d_out, d_out);
  Matrix<Scalar> c = Matrix<Scalar>::Zero(d_out, d_in);
  add_product<Scalar>(Scalar(1), C1, C1, a);
  add_product_tn<Scalar>(Scalar(-1), A, A, a);
  add_product<Scalar>(Scalar(1), C2, C2, e);
  add_product_nt<Scalar>(Scalar(-1), A, A, e);
  add_product<Scalar>(Scalar(1), A, C1, c);
  add_product<Scalar>(Scalar(-1), C2, A, c);
  const auto inner = [](const auto& left, const auto& right) {
    return left.template cast<double>()
        .cwiseProduct(right.template cast<double>())
        .sum();
  };
  const double s1 = static_cast<double>(C1.trace()) - static_cast<double>(C2.trace());
  const double s2 = static_cast<double>(a.trace()) + static_cast<double>(e.trace());
  const double s3 = inner(a, C1) - 2.0 * inner(c, A) - inner(e, C2);
  const auto n = static_cast<double>(d_in + d_out);
  const double determinant = s1 * s1 - n * s2; // of λs2 − μs1 = −s3, λs1 − μn = −s2
  double lam = 0.0;
  double mu = 0.0;
  if (determinant < 0.0) {
    lam = (n * s3 - s1 * s2) / determinant;
    mu = (s1 * s3 - s2 * s2) / determinant;
  }
  if (!(mu > 0.0)) {
    mu = 0.0;
    lam = s2 > 0.0 ? -s3 / s2 : 0.0;
  }
  const double s4 = inner(a, a) + inner(e, e) - 2.0 * inner(c, c);
  const double off = s4 + lam * lam * s2 + n * mu * mu + 2.0 * lam * s3 -
                     2.0 * mu * s2 - 2.0 * lam * mu * s1;
  const double residual = s4 > 0.0 ? std::sqrt(std::max(off, 0.0) / s4) : 0.0;
  return {static_cast<Scalar>(lam),
          static_cast<Scalar>(mu),
          std::isfinite(s4) ? residual : kNaN};
}

template Levels<double> fitted_levels(const GramFlow<double>&, const VectorIn<double>&);
template Levels<float> fitted_levels(const GramFlow<float>&, const VectorIn<float>&);

} // namespace linflow
