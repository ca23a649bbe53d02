#include "linflow/network.hpp"

#include <Eigen/QR>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {

double realised_width(double width, Index d_in, Index d_out) {
  return width >= static_cast<double>(d_in + d_out) ? width : std::round(width);
}

Index hidden_units(double width, Index d_in, Index d_out) {
  const auto n = d_in + d_out;
  return width >= static_cast<double>(n) ? n : static_cast<Index>(std::round(width));
}

void GaussianRows::begin(Pcg64& stream,
                         double width,
                         double variance1,
                         double variance2,
                         Index d_in,
                         Index d_out) {
  const Index n = d_in + d_out;
  stream_ = &stream;
  sigma1_ = std::sqrt(variance1);
  sigma2_ = std::sqrt(variance2);
  d_in_ = d_in;
  row_ = 0;
  bartlett_ = width >= static_cast<double>(n);
  left_ = bartlett_ ? n * (n - 1) / 2 : n * hidden_units(width, d_in, d_out);
  diagonal_.resize(static_cast<std::size_t>(bartlett_ ? n : 0));
  for (std::size_t i = 0; i < diagonal_.size(); ++i) {
    diagonal_[i] = std::sqrt(stream.chi_square(width - static_cast<double>(i)));
  }
  normals_.clear();
  taken_ = 0;
}

void GaussianRows::next(std::span<double> row) {
  const double sigma = row_ < d_in_ ? sigma1_ : sigma2_;
  const auto count = bartlett_ ? static_cast<std::size_t>(row_) : row.size();
  const double* normals = take(static_cast<Index>(count));
  for (std::size_t j = 0; j < count; ++j) {
    row[j] = sigma * normals[j];
  }
  if (bartlett_) {
    row[count] = sigma * diagonal_[count];
    std::fill(row.begin() + row_ + 1, row.end(), 0.0);
  }
  ++row_;
}

const double* GaussianRows::take(Index count) {
  constexpr Index kAhead = 256; // many short rows by one call
  if (static_cast<Index>(normals_.size()) - taken_ < count) {
    normals_.erase(normals_.begin(), normals_.begin() + taken_);
    taken_ = 0;
    const auto kept = static_cast<Index>(normals_.size());
    const Index drawn = std::min(left_, std::max(count - kept, kAhead));
    normals_.resize(static_cast<std::size_t>(kept + drawn));
    stream_->standard_normal({normals_.data() + kept, static_cast<std::size_t>(drawn)});
    left_ -= drawn;
  }
  const double* out = normals_.data() + taken_;
  taken_ += count;
  return out;
}

template <class Scalar>
void draw_gaussian(Pcg64& stream,
                   double width,
                   double variance1,
                   double variance2,
                   Block<Scalar> X,
                   Block<Scalar> Y) {
  const Index r = X.cols();
  if (r != hidden_units(width, X.rows(), Y.rows()) || Y.cols() != r) {
    throw std::invalid_argument(
        "draw_gaussian: X and Y must have min(width, n) columns");
  }
  GaussianRows rows;
  rows.begin(stream, width, variance1, variance2, X.rows(), Y.rows());
  linflow::Vector<double> row(r);
  for (auto* to : {&X, &Y}) {
    for (Index i = 0; i < to->rows(); ++i) {
      rows.next({row.data(), static_cast<std::size_t>(r)});
      to->row(i) = row.transpose().template cast<Scalar>();
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

template void
draw_gaussian<double>(Pcg64&, double, double, double, Block<double>, Block<double>);
template void
draw_gaussian<float>(Pcg64&, double, double, double, Block<float>, Block<float>);

} // namespace linflow
