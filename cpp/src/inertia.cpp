#include "linflow/inertia.hpp"

#include "linflow/products.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {
namespace {

constexpr Index kBlock = 16;
constexpr Index kStripe = 48; // columns of the trailing update at a time
constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kSafe = 1e-6; // of τ²: 5e-7 of τ

} // namespace

Inertia::Inertia(Index rows, Index cols)
    : rows_(rows), cols_(cols), scaled_(rows, cols),
      gram_(std::min(rows, cols), std::min(rows, cols)), S_(gram_.rows(), gram_.rows()),
      unit_(kBlock, kBlock), below_(gram_.rows(), kBlock), growth_(gram_.rows()) {}

void Inertia::count_above(const Matrix<double>& A,
                          std::span<const double> thresholds,
                          std::span<Index> counts) {
  if (A.rows() != rows_ || A.cols() != cols_ || thresholds.size() != counts.size()) {
    throw std::invalid_argument("count_above: A or counts do not fit");
  }
  const double largest = A.cwiseAbs().maxCoeff();
  if (largest == 0.0) {
    std::fill(counts.begin(), counts.end(), Index{0});
    return;
  }
  // Scaled only where the squares could overflow or underflow.
  const bool safe = largest > 1e-120 && largest < 1e120;
  const double scale = safe ? 1.0 : std::ldexp(1.0, std::ilogb(largest));
  if (!safe) {
    scaled_ = A / scale;
  }
  const Matrix<double>& B = safe ? A : scaled_;
  if (rows_ <= cols_) {
    gram_nt<double>(B, gram_);
  } else {
    gram_tn<double>(B, gram_);
  }
  bool have_all = false;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double tau = thresholds[i] / scale;
    auto count = positive_pivots(tau * tau, i + 1 == counts.size());
    if (!count) {
      ++fallbacks_;
      if (!all_) {
        all_.emplace(rows_, cols_);
      }
      if (!have_all) {
        all_->compute(A);
        have_all = true;
      }
      count = static_cast<Index>((all_->values().array() > thresholds[i]).count());
    }
    counts[i] = *count;
  }
}

std::optional<Index> Inertia::positive_pivots(double shift, bool last) {
  const Index n = gram_.rows();
  const double size = gram_.diagonal().maxCoeff();
  // The rounding of the Gram matrix itself; NaN and infinite shifts end here, too.
  if (!(shift < std::numeric_limits<double>::max())) {
    return Index{0};
  }
  if (2.0 * kEps * size > kSafe * shift) {
    return std::nullopt;
  }
  if (last) {
    S_.swap(gram_); // not needed any more
  } else {
    S_.triangularView<Eigen::Lower>() = gram_;
  }
  S_.diagonal().array() -= shift;
  growth_.setZero();
  Index positive = 0;
  for (Index start = 0; start < n; start += kBlock) {
    const Index width = std::min(kBlock, n - start);
    factor_block(start, width);
    const auto pivots = S_.diagonal().segment(start, width);
    if (!pivots.allFinite() || (pivots.array() == 0.0).any()) {
      return std::nullopt;
    }
    positive += static_cast<Index>((pivots.array() > 0.0).count());
    for (Index j = 0; j < width; ++j) {
      growth_[start + j] += std::abs(pivots[j]);
      growth_.segment(start + j + 1, width - j - 1).array() +=
          S_.col(start + j).segment(start + j + 1, width - j - 1).array().square() *
          std::abs(pivots[j]);
    }
    const Index next = start + width;
    const Index rest = n - next;
    if (rest == 0) {
      break;
    }
    auto LD = below_.block(0, 0, rest, width);
    LD.setZero();
    auto L = S_.block(next, start, rest, width);
    add_product<double>(1.0, L, unit_.topLeftCorner(width, width), LD);
    for (Index j = 0; j < width; ++j) {
      L.col(j) = LD.col(j) / pivots[j];
      growth_.tail(rest).array() += (L.col(j).array() * LD.col(j).array()).abs();
    }
    for (Index j = 0; j < rest; j += kStripe) {
      const Index columns = std::min(kStripe, rest - j);
      add_product_nt<double>(-1.0,
                             LD.bottomRows(rest - j),
                             L.middleRows(j, columns),
                             S_.block(next + j, next + j, rest - j, columns));
    }
  }
  if (!(2.0 * kEps * (growth_.maxCoeff() + shift) <= kSafe * shift)) {
    return std::nullopt;
  }
  return positive;
}

// L D Lᵀ of a diagonal block in place (unit L below the diagonal), and L⁻ᵀ.
void Inertia::factor_block(Index start, Index width) {
  auto B = S_.block(start, start, width, width);
  for (Index j = 0; j < width; ++j) {
    const double pivot = B(j, j);
    const Index rest = width - j - 1;
    for (Index c = j + 1; c < width; ++c) {
      B.col(c).tail(width - c) -= (B(c, j) / pivot) * B.col(j).tail(width - c);
    }
    B.col(j).tail(rest) /= pivot;
  }
  auto inverse = unit_.topLeftCorner(width, width); // column j: L⁻ᵀ e_j
  inverse.setIdentity();
  for (Index k = 1; k < width; ++k) {
    // Row k of L⁻¹ is e_k less L(k, i) times row i, i < k; rows are columns here.
    for (Index i = k - 1; i >= 0; --i) {
      inverse.col(k).head(i + 1) -= B(k, i) * inverse.col(i).head(i + 1);
    }
  }
}

} // namespace linflow
