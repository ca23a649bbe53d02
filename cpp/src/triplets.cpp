#include "linflow/triplets.hpp"

#include "linflow/products.hpp"
#include "linflow/thin_product.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {
namespace {

constexpr double kAccept = 1e-8;     // relative error of a value
constexpr double kAbsolute = 1e-13;  // of the largest: what a full decomposition gives
constexpr double kVanishing = 1e-11; // of the largest: no direction to speak of
constexpr double kLargest = 1e120;   // beyond, squares overflow: to be scaled
constexpr double kSmallest = 1e-120; // or underflow
constexpr Index kCountEvery = 16;
constexpr int kMostProducts = 100; // with AᵀA and a block, about a full decomposition
constexpr double kNear = 1e3; // error over what is allowed that iterations reduce soon
constexpr double kSmooth = 0.1;     // motion of a direction that is worth going on with
constexpr double kMostGrowth = 1e5; // of a direction beside others in the filter

} // namespace

// Twice as many columns as wanted, but at least four to spare; where that is most of
// the matrix, a full decomposition costs no more.
TopTriplets::TopTriplets(Index rows, Index cols, Index top)
    : top_(top), block_(std::min(std::min(rows, cols), std::max(2 * top, top + 4))),
      always_full_(3 * block_ > 2 * std::min(rows, cols)), U_(rows, block_),
      V_(cols, block_), motion_(block_, block_), W_(rows, block_), Z_(cols, block_),
      Y_(block_, block_), theta_(block_), residual_(block_), values_(block_),
      small_(block_), filter_(rows, cols, block_), inertia_(rows, cols),
      all_(rows, cols), gram_(std::min(rows, cols), std::min(rows, cols)),
      gram_eigen_(gram_.rows()) {
  if (top < 1 || top > std::min(rows, cols)) {
    throw std::invalid_argument("triplets: top must be 1 to min(rows, cols)");
  }
  motion_.setZero();
  U_.setIdentity();
  V_.setIdentity();
}

// Columns of W to orthonormal ones in `out`, by the eigenvectors Y of WᵀW; theta_ gets
// the singular values and Y_ the vectors. Columns of almost no length give directions
// of no meaning, which are made orthonormal one by one.
void TopTriplets::orthonormalise(Matrix<double>& W, Matrix<double>& out) {
  thin_product_tn(W, W, block_, small_.H());
  small_.compute();
  small_.vectors(Y_);
  for (Index i = 0; i < block_; ++i) {
    theta_[i] = std::sqrt(std::max(small_.value(i), 0.0));
  }
  thin_product(W, Y_, block_, out);
  const double least = kVanishing * theta_[0];
  for (Index i = 0; i < block_; ++i) {
    if (theta_[i] > least) {
      out.col(i) /= theta_[i];
      continue;
    }
    for (int attempt = 0; attempt < 8; ++attempt) {
      if (attempt > 0 || out.col(i).norm() == 0.0) {
        for (Index k = 0; k < out.rows(); ++k) {
          out(k, i) = random();
        }
      }
      out.col(i).normalize();
      double left = 1.0;
      for (int pass = 0; pass < 3; ++pass) {
        for (Index j = 0; j < i; ++j) {
          out.col(i) -= out.col(j).dot(out.col(i)) * out.col(j);
        }
        left = out.col(i).norm();
        out.col(i) /= left > 0.0 ? left : 1.0;
      }
      if (left > 0.5) {
        break;
      }
    }
  }
}

// One iteration: triplets values_, U_, V_ of A from the block V_, and residual_ before
// the last half step.
void TopTriplets::iterate(const Matrix<double>& A) {
  ++iterations_;
  thin_product(A, V_, block_, W_);
  orthonormalise(W_, U_);
  thin_product(V_, Y_, block_, Z_);
  V_.swap(Z_);
  values_ = theta_;
  thin_product_tn(A, U_, block_, Z_);
  for (Index i = 0; i < block_; ++i) {
    residual_[i] = (Z_.col(i) - values_[i] * V_.col(i)).norm();
  }
  // The second half step improves on the values that the residuals vouch for.
  orthonormalise(Z_, V_);
  thin_product(U_, Y_, block_, W_);
  U_.swap(W_);
  for (Index i = 0; i < block_; ++i) {
    const double theta = values_[i];
    values_[i] = theta_[i];
    theta_[i] = theta;
  }
}

// The largest relative error of the top values over what is allowed, given an upper
// bound for what the block leaves out. Infinite when nothing can be said.
double TopTriplets::error_bound(double outside) const {
  const double largest = theta_[0];
  double worst = 0.0;
  // A spare one that is only just coming into view may belong to the top.
  const double last = theta_[top_ - 1];
  for (Index j = top_; j < block_; ++j) {
    if (residual_[j] > 0.1 * last && theta_[j] + residual_[j] > last) {
      return std::numeric_limits<double>::infinity();
    }
  }
  double coupling = 0.0;
  for (Index i = 0; i < top_; ++i) {
    coupling = std::max(coupling, theta_[i] * residual_[i]);
  }
  for (Index i = 0; i < top_; ++i) {
    const double allowed = std::max(kAccept * theta_[i], kAbsolute * largest);
    const double gap = theta_[i] * theta_[i] - outside * outside;
    double error = residual_[i]; // always true of some singular value
    if (gap > 2.0 * coupling) {
      error = std::min(error, theta_[i] * residual_[i] * residual_[i] / gap);
    } else if (residual_[i] > kAbsolute * largest) {
      return std::numeric_limits<double>::infinity();
    }
    worst = std::max(worst, error / allowed);
  }
  return worst;
}

// Block and values from the eigenvectors of the smaller Gram matrix.
void TopTriplets::decompose(const Matrix<double>& A) {
  ++full_;
  const bool wide = A.rows() < A.cols();
  if (wide) {
    gram_nt<double>(A, gram_);
  } else {
    gram_tn<double>(A, gram_);
  }
  gram_eigen_.compute(gram_);
  const Index n = gram_.rows();
  const auto& squares = gram_eigen_.values();
  outside_ = n > block_ ? std::sqrt(std::max(squares[n - 1 - block_], 0.0)) : 0.0;
  if (wide) {
    for (Index i = 0; i < block_; ++i) {
      U_.col(i) = gram_eigen_.vectors().col(n - 1 - i);
    }
    thin_product_tn(A, U_, block_, Z_);
    orthonormalise(Z_, V_);
  } else {
    for (Index i = 0; i < block_; ++i) {
      V_.col(i) = gram_eigen_.vectors().col(n - 1 - i);
    }
  }
}

// Whether no singular value above the last of the top ones was missed.
bool TopTriplets::complete(const Matrix<double>& A) {
  const double threshold = values_[top_ - 1] * (1.0 - 2e-6);
  Index count = 0;
  inertia_.count_above(A, {&threshold, 1}, {&count, 1});
  return count <= (values_.array() > threshold).count();
}

// The block goes on as it moved since the call before: its part outside the block of
// then, once more. Smooth motion leaves an error of second order instead of first.
// Columns that have moved far stay: they came into the block from outside, as spare
// ones often do, and the others are not to wait for them.
void TopTriplets::predict() {
  const bool moved = has_motion_;
  if (moved) {
    thin_product(previous_, motion_, block_, Z_);
  }
  previous_ = V_;
  has_previous_ = true;
  if (!moved) {
    return;
  }
  for (Index j = 0; j < block_; ++j) {
    Z_.col(j) = V_.col(j) - Z_.col(j);
    if (Z_.col(j).norm() < kSmooth) {
      V_.col(j) += Z_.col(j);
    }
  }
  // Newton's iteration towards orthonormal columns, V ← V (3I − VᵀV)/2.
  for (int k = 0; k < 4; ++k) {
    thin_product_tn(V_, V_, block_, Y_);
    Y_.diagonal().array() -= 1.0;
    if (Y_.cwiseAbs().maxCoeff() < 1e-6) {
      return;
    }
    thin_product(V_, Y_, block_, Z_);
    V_ -= 0.5 * Z_;
  }
}

// How the block moved since the call before; true when one of the top directions came
// from outside of it, so that calls before may have missed it.
bool TopTriplets::newcomer() {
  has_motion_ = has_previous_;
  if (!has_previous_) {
    return false;
  }
  thin_product_tn(previous_, V_, block_, motion_);
  return motion_.leftCols(top_).colwise().squaredNorm().minCoeff() < 0.5;
}

void TopTriplets::start_anywhere() {
  for (Index j = 0; j < block_; ++j) {
    for (Index i = 0; i < V_.rows(); ++i) {
      V_(i, j) = random();
    }
  }
  orthonormalise(V_, Z_);
  V_.swap(Z_);
}

// Iterates until the top values are accepted; false where a full decomposition is
// called for.
bool TopTriplets::converge(const Matrix<double>& A) {
  // What is left out is estimated from above by one of the last spare values.
  const Index edge = top_ + 3 * (block_ - top_) / 4;
  double before = std::numeric_limits<double>::infinity();
  for (int spent = 0;; ++spent) {
    iterate(A);
    if (!theta_.allFinite() || theta_[0] < kSmallest) {
      return false;
    }
    const double cut = theta_[edge];
    const double bound = error_bound(cut);
    if (bound <= 1.0) {
      return true;
    }
    // Where a few iterations do, the lag that they leave is the same from call to call,
    // and predict() takes it along.
    const bool plain =
        spent == 0 ? bound < kNear : bound * std::pow(bound / before, 2) < 1.0;
    before = bound;
    if (!plain && !sharpen(A, bound, cut, spent)) {
      return false;
    }
  }
}

// Filters the block by as much as `bound` asks for; false when that costs too much.
bool TopTriplets::sharpen(const Matrix<double>& A,
                          double bound,
                          double cut,
                          int& spent) {
  const double ratio = theta_[top_ - 1] / cut;
  // Errors are quadratic in what the filter reduces.
  const double wanted = std::isfinite(bound) ? 1.5 * std::sqrt(bound) : 100.0;
  const double needed = std::ceil(ChebyshevFilter::degree(ratio, wanted));
  if (!(spent + needed < kMostProducts)) {
    return false;
  }
  auto degree = static_cast<int>(needed);
  Index locked = 0;
  while (locked < top_ && residual_[locked] < 0.3 * cut &&
         ChebyshevFilter::growth(theta_[locked] / cut, degree) > kMostGrowth) {
    ++locked;
  }
  while (degree > 1 &&
         ChebyshevFilter::growth(theta_[locked] / cut, degree) > 10.0 * kMostGrowth) {
    --degree;
  }
  spent += degree;
  iterations_ += degree;
  if (degree > 1) {
    filter_.apply(A, V_, locked, degree, cut);
    V_.colwise().normalize();
    orthonormalise(V_, Z_);
    V_.swap(Z_);
  }
  return true;
}

// A little of every direction into the spare columns, so that none stays unseen.
void TopTriplets::stir() {
  const double size = 1e-5 / std::sqrt(static_cast<double>(V_.rows()));
  for (Index j = top_; j < block_; ++j) {
    for (Index i = 0; i < V_.rows(); ++i) {
      V_(i, j) += size * random();
    }
  }
}

double TopTriplets::random() { // xorshift64*, uniform in (−1, 1)
  state_ ^= state_ >> 12U;
  state_ ^= state_ << 25U;
  state_ ^= state_ >> 27U;
  return static_cast<double>((state_ * 0x2545F4914F6CDD1DU) >> 11U) * 0x1p-52 - 1.0;
}

TopTriplets::Source TopTriplets::update(const Matrix<double>& A) {
  if (A.rows() != U_.rows() || A.cols() != V_.rows()) {
    throw std::invalid_argument("triplets: A does not fit the workspace");
  }
  doubtful_ = 0;
  if (!always_full_) {
    const bool first = !started_;
    if (first) {
      start_anywhere();
    } else {
      predict();
      stir();
    }
    if (converge(A)) {
      if (first) {
        accepted_ = kCountEvery; // to be counted now
      } else if (newcomer()) {
        doubtful_ = accepted_;
        accepted_ = kCountEvery;
      }
      started_ = true;
      if (++accepted_ < kCountEvery) {
        return Source::iterated;
      }
      const Index since = first ? 0 : std::max(doubtful_, accepted_ - 1);
      accepted_ = 0;
      if (complete(A)) {
        return Source::iterated;
      }
      doubtful_ = std::min(since, kCountEvery);
    }
  }
  return compute(A);
}

TopTriplets::Source TopTriplets::compute(const Matrix<double>& A) {
  const double largest = A.cwiseAbs().maxCoeff();
  started_ = false;
  has_previous_ = false;
  has_motion_ = false;
  if (!A.allFinite()) {
    U_.setIdentity();
    V_.setIdentity();
    values_.setConstant(kNaN);
    return Source::failed;
  }
  if (largest == 0.0) {
    U_.setIdentity();
    V_.setIdentity();
    values_.setZero();
    return Source::full;
  }
  if (largest > kLargest || largest < kSmallest) {
    const double unit = std::ldexp(1.0, std::ilogb(largest)); // a power of two is exact
    compute(A / unit);
    values_ *= unit;
    return Source::full;
  }
  decompose(A);
  started_ = true;
  accepted_ = 0;
  iterate(A);
  for (int k = 0; k < 3 && error_bound(outside_) > 1.0; ++k) {
    iterate(A);
  }
  if (error_bound(outside_) > 1.0) { // close company at the edge of the block
    values_ = all_.compute(A).head(block_);
  }
  return Source::full;
}

} // namespace linflow
