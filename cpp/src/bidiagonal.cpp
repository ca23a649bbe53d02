#include "linflow/bidiagonal.hpp"

#include "linflow/products.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {
namespace {

constexpr Index kPanel = 16;
constexpr Index kSmall = 24; // below, calls cost more than the cache misses they save

// Makes x the reflector v (v_0 = 1) with (I − tau v vᵀ) x = beta e_0; returns tau.
double reflector(VectorOut<double> x, double& beta) {
  const double head = x[0];
  const double tail = x.tail(x.size() - 1).squaredNorm();
  if (tail == 0.0) {
    beta = head;
    x[0] = 1.0;
    return 0.0;
  }
  beta = -std::copysign(std::sqrt(head * head + tail), head);
  x.tail(x.size() - 1) /= head - beta;
  x[0] = 1.0;
  return (beta - head) / beta;
}

} // namespace

SingularValues::SingularValues(Index rows, Index cols)
    : flipped_(rows < cols), A_(std::max(rows, cols), std::min(rows, cols)),
      left_(A_.rows(), 2 * kPanel), right_(A_.cols(), 2 * kPanel), column_(A_.rows()),
      row_(A_.cols()), overlap_(2 * kPanel),
      diagonal_(static_cast<std::size_t>(A_.cols())),
      superdiagonal_(static_cast<std::size_t>(A_.cols())), solver_(A_.cols()),
      values_(A_.cols()) {}

template <class Scalar>
const Vector<double>& SingularValues::compute(const Matrix<Scalar>& A) {
  if (std::max(A.rows(), A.cols()) != A_.rows() ||
      std::min(A.rows(), A.cols()) != A_.cols()) {
    throw std::invalid_argument("singular values: A does not fit the workspace");
  }
  const auto largest = static_cast<double>(A.cwiseAbs().maxCoeff());
  if (largest == 0.0) {
    values_.setZero();
    return values_;
  }
  // A power of two that keeps the squares from overflow and underflow.
  const double scale = std::ldexp(1.0, std::ilogb(largest));
  if (flipped_) {
    A_ = A.transpose().template cast<double>() / scale;
  } else {
    A_ = A.template cast<double>() / scale;
  }
  bidiagonalise();
  solver_.compute(diagonal_, superdiagonal_, values_);
  values_ *= scale;
  return values_;
}

void SingularValues::bidiagonalise() {
  const Index n = A_.cols();
  if (A_.rows() <= kSmall) {
    return bidiagonalise_small();
  }
  for (Index start = 0; start < n; start += kPanel) {
    const Index width = std::min(kPanel, n - start);
    panel(start, width);
    const Index next = start + width;
    if (next < n) {
      add_product_nt<double>(-1.0,
                             left_.block(next, 0, A_.rows() - next, 2 * width),
                             right_.block(next, 0, n - next, 2 * width),
                             A_.block(next, next, A_.rows() - next, n - next));
    }
  }
}

void SingularValues::bidiagonalise_small() {
  const Index m = A_.rows();
  const Index n = A_.cols();
  for (Index g = 0; g < n; ++g) {
    const Index below = m - g;
    const Index beyond = n - g - 1;
    double beta = 0.0;
    auto u = A_.col(g).tail(below);
    double tau = reflector(u, beta);
    diagonal_[static_cast<std::size_t>(g)] = beta;
    if (beyond == 0) {
      return;
    }
    for (Index j = g + 1; j < n; ++j) {
      auto other = A_.col(j).tail(below);
      other -= (tau * u.dot(other)) * u;
    }
    auto v = row_.tail(beyond);
    v = A_.row(g).tail(beyond).transpose();
    tau = reflector(v, beta);
    superdiagonal_[static_cast<std::size_t>(g)] = beta;
    auto x = column_.tail(below - 1);
    x.setZero();
    for (Index j = g + 1; j < n; ++j) {
      x += v[j - g - 1] * A_.col(j).tail(below - 1);
    }
    x *= tau;
    for (Index j = g + 1; j < n; ++j) {
      A_.col(j).tail(below - 1) -= v[j - g - 1] * x;
    }
  }
}

void SingularValues::panel(Index start, Index width) {
  const Index m = A_.rows();
  const Index n = A_.cols();
  for (Index i = 0; i < width; ++i) {
    const Index g = start + i;
    const Index below = m - g;
    const Index beyond = n - g - 1;
    auto u = left_.col(2 * i).tail(below);
    auto y = right_.col(2 * i).tail(beyond);
    const auto overlap_u = overlap_.head(2 * i);
    u = A_.col(g).tail(below);
    if (i > 0) {
      u.noalias() -=
          left_.block(g, 0, below, 2 * i) * right_.row(g).head(2 * i).transpose();
    }
    double beta = 0.0;
    double tau = reflector(u, beta);
    diagonal_[static_cast<std::size_t>(g)] = beta;
    if (beyond == 0) {
      return;
    }
    // y = tau (A − left rightᵀ)ᵀ u beyond column g
    y.noalias() = A_.block(g, g + 1, below, beyond).transpose() * u;
    if (i > 0) {
      overlap_.head(2 * i).noalias() = left_.block(g, 0, below, 2 * i).transpose() * u;
      y.noalias() -= right_.block(g + 1, 0, beyond, 2 * i) * overlap_u;
    }
    y *= tau;
    // Row g of the matrix with the column reflector applied.
    auto v = right_.col(2 * i + 1).tail(beyond);
    v = A_.row(g).tail(beyond).transpose();
    v.noalias() -= right_.block(g + 1, 0, beyond, 2 * i + 1) *
                   left_.row(g).head(2 * i + 1).transpose();
    tau = reflector(v, beta);
    superdiagonal_[static_cast<std::size_t>(g)] = beta;
    const Index lower = below - 1;
    auto x = left_.col(2 * i + 1).tail(lower);
    x.noalias() = A_.block(g + 1, g + 1, lower, beyond) * v;
    overlap_.head(2 * i + 1).noalias() =
        right_.block(g + 1, 0, beyond, 2 * i + 1).transpose() * v;
    x.noalias() -= left_.block(g + 1, 0, lower, 2 * i + 1) * overlap_.head(2 * i + 1);
    x *= tau;
  }
}

template const Vector<double>& SingularValues::compute(const Matrix<double>&);
template const Vector<double>& SingularValues::compute(const Matrix<float>&);

} // namespace linflow
