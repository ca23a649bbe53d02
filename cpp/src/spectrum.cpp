#include "linflow/spectrum.hpp"

#include "linflow/products.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {

template <class Scalar>
Spectrum<Scalar>::Spectrum(Index d_out, Index d_in)
    : gram_(std::min(d_out, d_in), std::min(d_out, d_in)), wide_(d_out, d_in),
      solver_(std::min(d_out, d_in)) {}

template <class Scalar>
double Spectrum<Scalar>::decompose_gram(const Matrix<Scalar>& A) {
  const auto largest = static_cast<double>(A.cwiseAbs().maxCoeff());
  if (largest == 0.0) {
    return 0.0;
  }
  const double scale = std::ldexp(1.0, std::ilogb(largest));
  wide_ = A.template cast<double>() / scale;
  if (wide_.rows() <= wide_.cols()) {
    gram_nt<double>(wide_, gram_);
  } else {
    gram_tn<double>(wide_, gram_);
  }
  solver_.values_only(gram_);
  return scale;
}

template <class Scalar>
void Spectrum<Scalar>::singular_values(const Matrix<Scalar>& A,
                                       Eigen::Ref<Vector<double>> top) {
  if (A.rows() != wide_.rows() || A.cols() != wide_.cols() ||
      top.size() > gram_.rows()) {
    throw std::invalid_argument("singular_values: A or top does not fit the workspace");
  }
  if (top.size() == 0) {
    return;
  }
  if (!A.allFinite()) {
    top.setConstant(kNaN);
    return;
  }
  const double scale = decompose_gram(A);
  if (scale == 0.0) {
    top.setZero();
    return;
  }
  const auto squares = solver_.values().reverse().head(top.size());
  if (squares[top.size() - 1] > 1e-8 * squares[0]) {
    top = scale * squares.cwiseSqrt();
  } else {
    top = scale * accurate_singular_values(wide_).head(top.size());
  }
}

template <class Scalar>
RankSummary Spectrum<Scalar>::rank_summary(const Matrix<Scalar>& A) {
  if (!A.allFinite()) {
    return {};
  }
  if (decompose_gram(A) == 0.0) {
    return {0.0, kNaN};
  }
  const auto& squares = solver_.values(); // ascending
  const double largest = squares[squares.size() - 1];
  return {static_cast<double>((squares.array() > largest / 25.0).count()),
          wide_.squaredNorm() / largest};
}

template class Spectrum<double>;
template class Spectrum<float>;

} // namespace linflow
