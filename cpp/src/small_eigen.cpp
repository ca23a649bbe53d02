#include "linflow/small_eigen.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace linflow {
namespace {

constexpr double kRotate = 1e-13;

} // namespace

void SmallEigen::compute() {
  const Index n = H_.rows();
  H_.triangularView<Eigen::StrictlyUpper>() = H_.transpose();
  Y_.setIdentity();
  for (int sweep = 0; sweep < 30; ++sweep) {
    bool rotated = false;
    for (Index p = 0; p < n - 1; ++p) {
      for (Index q = p + 1; q < n; ++q) {
        const double h = H_(q, p);
        const double a = H_(p, p);
        const double b = H_(q, q);
        if (h * h <= kRotate * kRotate * std::abs(a * b)) {
          continue;
        }
        rotated = true;
        const double zeta = (b - a) / (2.0 * h);
        const double t = std::abs(zeta) > 1e150
                             ? 0.5 / zeta
                             : std::copysign(1.0, zeta) /
                                   (std::abs(zeta) + std::sqrt(1.0 + zeta * zeta));
        const double c = 1.0 / std::sqrt(1.0 + t * t);
        const double s = c * t;
        double* hp = H_.col(p).data();
        double* hq = H_.col(q).data();
        double* yp = Y_.col(p).data();
        double* yq = Y_.col(q).data();
        for (Index i = 0; i < n; ++i) {
          const double x = hp[i];
          hp[i] = c * x - s * hq[i];
          hq[i] = s * x + c * hq[i];
        }
        for (Index i = 0; i < n; ++i) {
          const double x = yp[i];
          yp[i] = c * x - s * yq[i];
          yq[i] = s * x + c * yq[i];
        }
        H_(p, p) = a - t * h; // by the formula that loses nothing
        H_(q, q) = b + t * h;
        H_(q, p) = 0.0;
        H_(p, q) = 0.0;
        for (Index i = 0; i < n; ++i) { // columns to rows
          H_(p, i) = hp[i];
          H_(q, i) = hq[i];
        }
      }
    }
    if (!rotated) {
      break;
    }
  }
  std::iota(order_.begin(), order_.end(), Index{0});
  std::sort(order_.begin(), order_.end(), [this](Index i, Index j) {
    return H_(i, i) > H_(j, j) || (H_(i, i) == H_(j, j) && i < j);
  });
}

void SmallEigen::vectors(Matrix<double>& out) const {
  for (Index i = 0; i < H_.rows(); ++i) {
    out.col(i) = Y_.col(order_[static_cast<std::size_t>(i)]);
  }
}

} // namespace linflow
