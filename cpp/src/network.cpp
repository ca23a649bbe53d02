#include "linflow/network.hpp"

#include <Eigen/QR>

#include <cmath>
#include <stdexcept>
#include <vector>

namespace linflow {

double realised_width(double width, Index d_in, Index d_out) {
  return width >= static_cast<double>(d_in + d_out) ? width : std::round(width);
}

Index hidden_units(double width, Index d_in, Index d_out) {
  const auto n = d_in + d_out;
  return width >= static_cast<double>(n) ? n : static_cast<Index>(std::round(width));
}

template <class Scalar>
void draw_gaussian(Pcg64& stream,
                   double width,
                   double variance1,
                   double variance2,
                   Eigen::Ref<Matrix<Scalar>> X,
                   Eigen::Ref<Matrix<Scalar>> Y) {
  const Index d_in = X.rows();
  const Index n = d_in + Y.rows();
  const Index r = X.cols();
  if (r != hidden_units(width, d_in, Y.rows()) || Y.cols() != r) {
    throw std::invalid_argument(
        "draw_gaussian: X and Y must have min(width, n) columns");
  }
  const bool bartlett = width >= static_cast<double>(n);
  std::vector<double> diagonal;
  if (bartlett) {
    diagonal.resize(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i) {
      diagonal[static_cast<std::size_t>(i)] =
          std::sqrt(stream.chi_square(width - static_cast<double>(i)));
    }
  }
  std::vector<double> normals(static_cast<std::size_t>(r));
  X.setZero();
  Y.setZero();
  for (Index i = 0; i < n; ++i) {
    const double sigma = std::sqrt(i < d_in ? variance1 : variance2);
    const Index count = bartlett ? i : r;
    stream.standard_normal({normals.data(), static_cast<std::size_t>(count)});
    auto& to = i < d_in ? X : Y;
    const Index row = i < d_in ? i : i - d_in;
    for (Index j = 0; j < count; ++j) {
      to(row, j) = static_cast<Scalar>(sigma * normals[static_cast<std::size_t>(j)]);
    }
    if (bartlett) {
      to(row, i) = static_cast<Scalar>(sigma * diagonal[static_cast<std::size_t>(i)]);
    }
  }
}

Compressed compress(const Matrix<double>& W1, const Matrix<double>& W2) {
  if (W1.rows() != W2.cols()) {
    throw std::invalid_argument("compress: W1 and W2 must share the hidden width");
  }
  const Index d_in = W1.cols();
  const Index n = d_in + W2.rows();
  const Index w = W1.rows();
  const Index r = std::min(w, n);
  Matrix<double> Qt(w, n);
  Qt << W1, W2.transpose();
  const Eigen::HouseholderQR<Matrix<double>> qr(Qt);
  Matrix<double> L =
      qr.matrixQR().topRows(r).template triangularView<Eigen::Upper>().transpose();
  Compressed out;
  out.basis = qr.householderQ() * Matrix<double>::Identity(w, r);
  out.X = L.topRows(d_in);
  out.Y = L.bottomRows(n - d_in);
  return out;
}

template void draw_gaussian<double>(Pcg64&,
                                    double,
                                    double,
                                    double,
                                    Eigen::Ref<Matrix<double>>,
                                    Eigen::Ref<Matrix<double>>);
template void draw_gaussian<float>(Pcg64&,
                                   double,
                                   double,
                                   double,
                                   Eigen::Ref<Matrix<float>>,
                                   Eigen::Ref<Matrix<float>>);

} // namespace linflow
