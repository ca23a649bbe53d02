#include "linflow/splitting.hpp"

#include "linflow/cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace linflow {
namespace {

// A third of the difference is the error of the two half steps. What is left of it in A
// after the extrapolation is smaller by a factor of 10 to 300, over the runs of
// bench/bench_flow.py: a fifth of a third stays above it. C1 and C2, which the
// correction drives apart and the Riccati flow together, gain less.
constexpr double kSharpness = 1.0 / 15.0;

// First `modes` entries one by one, the last one for the rest, plus a constant.
template <class Scalar>
auto spread(const Vector<Scalar>& values, Index size, Scalar constant = 0) {
  return Vector<Scalar>::NullaryExpr(size, [&values, constant](Index i) {
    return values[std::min(i, values.size() - 1)] + constant;
  });
}

} // namespace

template <class Scalar>
SplittingMethod<Scalar>::SplittingMethod(
    const GramFlow<Scalar>& flow,
    std::shared_ptr<const SingularVectors<Scalar>> basis,
    Levels<Scalar> levels)
    : flow_(flow), riccati_(std::move(basis), levels.lam, levels.mu),
      correction_(flow, levels) {}

// K⁻¹ in blocks, by Cholesky factors of K22 and of K's Schur complement H:
//     (K⁻¹)11 = H⁻¹,  (K⁻¹)21 = −K22⁻¹GH⁻¹,  (K⁻¹)22 = K22⁻¹ + K22⁻¹GH⁻¹GᵀK22⁻¹.
template <class Scalar>
bool SplittingMethod<Scalar>::riccati(double time,
                                      Vector<Scalar>& y,
                                      bool product_only) {
  auto [A, C1, C2] = flow_.mutable_blocks(y);
  const Index d_in = C1.rows();
  const Index d_out = C2.rows();
  const Scalar half = riccati_.lam() / 2;
  riccati_.rates(static_cast<Scalar>(time), rates_);
  k22_ = C2;
  k22_.diagonal() += spread<Scalar>(rates_.N, d_out, -half);
  const Cholesky<Scalar> lower22(k22_);
  cross_ = A.transpose(); // of G
  cross_.diagonal() -= riccati_.sigma();
  solve_right_transposed<Scalar>(k22_, cross_);
  k11_.resize(d_in, d_in);
  gram_nt<Scalar>(cross_, k11_);
  k11_ = C1 - k11_; // the lower triangle counts
  k11_.diagonal() += spread<Scalar>(rates_.N, d_in, half);
  const Cholesky<Scalar> lower11(k11_);
  if (!lower22.positive_definite() || !lower11.positive_definite()) {
    return false;
  }
  solve_right<Scalar>(k22_, cross_); // (K22⁻¹G)ᵀ
  const Vector<Scalar> h_in = spread<Scalar>(rates_.h, d_in);
  const Vector<Scalar> h_out = spread<Scalar>(rates_.h, d_out);
  if (product_only) {
    core_ = cross_.transpose();
    solve_right_transposed<Scalar>(k11_, core_);
    solve_right<Scalar>(k11_, core_);
    A = h_out.asDiagonal() * core_ * h_in.asDiagonal();
    A.diagonal() += riccati_.sigma();
    return true;
  }
  const auto invert = [this](Matrix<Scalar>& K) { // from its factor
    inverse_ = K.template triangularView<Eigen::Lower>();
    invert_lower<Scalar>(inverse_);
    gram_tn<Scalar>(inverse_, K);
    mirror<Scalar>(K);
  };
  invert(k11_);
  core_.setZero(d_out, d_in);
  add_product_tn<Scalar>(Scalar(1), cross_, k11_, core_);
  invert(k22_);
  add_product<Scalar>(Scalar(1), core_, cross_, k22_);
  A = h_out.asDiagonal() * core_ * h_in.asDiagonal();
  A.diagonal() += riccati_.sigma();
  C1 = -(h_in.asDiagonal() * k11_ * h_in.asDiagonal());
  C1.diagonal() += spread<Scalar>(rates_.N, d_in, -half);
  C2 = -(h_out.asDiagonal() * k22_ * h_out.asDiagonal());
  C2.diagonal() += spread<Scalar>(rates_.N, d_out, half);
  return true;
}

// With I = ∫G dt to the end of time, C1 still changes by −(TᵀI + IᵀT) and C2 by −(TIᵀ +
// ITᵀ) (made, in attempt) but for products of G with itself; that changes A by less
// than ‖I‖ times the sum. And ‖G‖ cannot rise: what is within the tolerance stays so.
template <class Scalar>
bool SplittingMethod<Scalar>::finishes(const Step<Scalar>& step, double tolerance) {
  const auto [A, C1, C2] = flow_.blocks(step.y);
  cross_ = A;
  cross_.diagonal() -= riccati_.sigma();
  const auto left = static_cast<double>(cross_.norm());
  const auto learned = static_cast<double>(riccati_.sigma().norm());
  last_ = false;
  const bool learned_all = 2.0 * left < tolerance;
  if (!(learned_all || left * left < tolerance * learned) || left > 0.5 * looked_for_) {
    return false;
  }
  inputs_ = std::make_unique<SymmetricEigen<Scalar>>(C1.rows());
  outputs_ = std::make_unique<SymmetricEigen<Scalar>>(C2.rows());
  inputs_->compute(C1);
  outputs_->compute(C2);
  left_ = multiply<Scalar>(multiply_tn<Scalar>(outputs_->vectors(), cross_),
                           inputs_->vectors());
  core_.resize(left_.rows(), left_.cols());
  linear(std::numeric_limits<double>::infinity(), core_, true); // cross_ = I
  const Index m = riccati_.modes();
  const auto rest = static_cast<double>(cross_.norm());
  const auto change =
      2.0 * static_cast<double>(
                (riccati_.sigma().asDiagonal() * cross_.topRows(m)).norm() +
                (cross_.leftCols(m) * riccati_.sigma().asDiagonal()).norm()) +
      2.0 * left * rest;
  last_ = learned_all || change * rest < tolerance;
  looked_for_ = last_ ? kNaN : left;
  return last_;
}

template <class Scalar>
void SplittingMethod<Scalar>::linear(double time, Block<Scalar> out, bool integral) {
  core_.resize(left_.rows(), left_.cols());
  cross_.resize(left_.rows(), left_.cols());
  for (Index j = 0; j < left_.cols(); ++j) {
    for (Index i = 0; i < left_.rows(); ++i) {
      const double rate = std::max(static_cast<double>(outputs_->values()[i]) +
                                       static_cast<double>(inputs_->values()[j]),
                                   0.0);
      const double gone = rate > 0.0 ? -std::expm1(-rate * time) : 0.0;
      core_(i, j) = static_cast<Scalar>(1.0 - gone) * left_(i, j);
      // Not a number where nothing moves for ever: then it is not the last step.
      cross_(i, j) = static_cast<Scalar>(gone > 0.0 ? gone / rate : time) * left_(i, j);
    }
  }
  const auto back = [this](Matrix<Scalar>& M) {
    inverse_.setZero(M.rows(), M.cols());
    add_product<Scalar>(Scalar(1), outputs_->vectors(), M, inverse_);
    M.setZero();
    add_product_nt<Scalar>(Scalar(1), inverse_, inputs_->vectors(), M);
  };
  back(core_);
  if (integral) {
    back(cross_);
  }
  out = core_;
  out.diagonal() += riccati_.sigma();
}

template <class Scalar>
double
SplittingMethod<Scalar>::attempt(System<Scalar>& system, Step<Scalar>& step, double h) {
  step.h = h;
  step.end_slope = 1;
  nodes_.clear();
  if (last_) {
    step.next = step.y;
    auto [A, C1, C2] = flow_.mutable_blocks(step.next);
    linear(h, A, true);
    const Index m = riccati_.modes();
    sum_.setZero(C1.rows(), C1.cols()); // TᵀI
    sum_.topRows(m) = riccati_.sigma().asDiagonal() * cross_.topRows(m);
    C1 -= sum_ + sum_.transpose();
    sum_.setZero(C2.rows(), C2.cols()); // ITᵀ
    sum_.leftCols(m) = cross_.leftCols(m) * riccati_.sigma().asDiagonal();
    C2 -= sum_ + sum_.transpose();
    system.slope(step.next, step.slopes.col(1));
    ++step.evaluations;
    return 0.0;
  }
  correction_.begin(step.y);
  correction_.from_start(h / 4, quarter_);
  correction_.from_start(h / 2, half_);
  single_ = half_;
  step.next = quarter_;
  bool solved = riccati(h, single_, false) && riccati(h / 2, step.next, false);
  if (solved) {
    correction_.apply(h / 2, single_);
    middle_ = flow_.blocks(step.next).A;
    correction_.apply(h / 2, step.next);
    solved = riccati(h / 2, step.next, false);
  }
  if (!solved) {
    step.next.setConstant(static_cast<Scalar>(kNaN));
    return kNaN;
  }
  correction_.apply(h / 4, step.next);
  single_ -= step.next;
  const Index shown = flow_.visible();
  const double error = std::hypot(
      kSharpness * static_cast<double>(single_.head(shown).norm()),
      static_cast<double>(single_.tail(single_.size() - shown).norm()) / 3.0);
  change_ = Scalar(-4) / Scalar(3) * single_.head(shown);
  step.next -= single_ / Scalar(3);
  system.slope(step.next, step.slopes.col(1));
  ++step.evaluations;
  return error;
}

// A at h/2 in two steps instead of the one that `middle_` is of: the same estimate
// there, where an error may have been that has died out at the end. And ‖G‖ cannot
// rise: where it does, K has come near to singular.
template <class Scalar>
double SplittingMethod<Scalar>::finish_dense(System<Scalar>& /*system*/,
                                             Step<Scalar>& step) {
  if (last_) {
    return 0.0;
  }
  constexpr double never = std::numeric_limits<double>::infinity();
  correction_.from_start(step.h / 8, looking_);
  if (!riccati(step.h / 4, looking_, false)) {
    return never;
  }
  correction_.apply(step.h / 4, looking_);
  if (!riccati(step.h / 4, looking_, true)) {
    return never;
  }
  at_middle_ = Scalar(4) / Scalar(3) * (flow_.blocks(looking_).A - middle_);
  const auto left = [this](auto A) {
    core_ = A;
    core_.diagonal() -= riccati_.sigma();
    return static_cast<double>(core_.norm());
  };
  const double most = 1.01 * left(flow_.blocks(step.y).A);
  nodes_.reserve(flow_.visible());
  for (int i = 0; i < 2; ++i) {
    if (!look(step, nodes_.kChecks.at(static_cast<std::size_t>(i)), nodes_.check(i)) ||
        left(nodes_.check(i).reshaped(middle_.rows(), middle_.cols())) > most) {
      return never;
    }
  }
  return 0.75 * kSharpness * static_cast<double>(at_middle_.norm());
}

// The cubic through C1 and C2 at 0, with their slope, at h/4 and at h/2.
template <class Scalar>
void SplittingMethod<Scalar>::early_correction(const Step<Scalar>& step,
                                               double time,
                                               Vector<Scalar>& y) {
  const double x = 2.0 * time / step.h;
  const double x2 = x * x;
  const double x3 = x2 * x;
  const auto c = [](double value) { return static_cast<Scalar>(value); };
  const Index rest = flow_.visible();
  const Index n = step.y.size() - rest;
  y.resize(step.y.size());
  y.head(rest) = step.y.head(rest);
  y.tail(n).noalias() =
      c(1.0 - 7.0 * x2 + 6.0 * x3) * step.y.tail(n) +
      c((x - 3.0 * x2 + 2.0 * x3) * step.h / 2.0) * correction_.slope().tail(n) +
      c(8.0 * (x2 - x3)) * quarter_.tail(n) + c(2.0 * x3 - x2) * half_.tail(n);
}

template <class Scalar>
bool SplittingMethod<Scalar>::look(const Step<Scalar>& step,
                                   double theta,
                                   VectorOut<Scalar> A) {
  if (last_) {
    linear(theta * step.h, A.reshaped(left_.rows(), left_.cols()), false);
    return true;
  }
  early_correction(step, theta * step.h / 2.0, looking_);
  const bool solved = riccati(theta * step.h, looking_, true);
  // θ³(a + bθ) through the changes at 1/2 and 1.
  const double cubic = theta * theta * theta;
  A = looking_.head(A.size()) +
      static_cast<Scalar>(cubic * (2.0 * theta - 1.0)) * change_ +
      static_cast<Scalar>(16.0 * cubic * (1.0 - theta)) * at_middle_.reshaped();
  return solved;
}

// Solving for A costs as much as a right-hand side; a polynomial through A at some
// times costs next to nothing. It is taken where it meets the solution at two other
// times, and where its nodes are fewer than half of the points.
template <class Scalar>
void SplittingMethod<Scalar>::expect(const Step<Scalar>& step,
                                     std::span<const double> thetas,
                                     double tolerance) {
  if (thetas.size() < (last_ ? 10 : 4)) {
    nodes_.clear();
    return;
  }
  const Index shown = flow_.visible();
  nodes_.reserve(shown);
  nodes_.value(0) = step.y.head(shown);
  nodes_.value(1) = step.next.head(shown);
  const auto solve = [&](double theta, VectorOut<Scalar> A) {
    return look(step, theta, A);
  };
  if (last_) {
    nodes_.make(thetas.size(), tolerance, solve);
    return;
  }
  nodes_.value(2) = (middle_ + at_middle_).reshaped();
  nodes_.fit(thetas.size(), tolerance, solve);
}

template <class Scalar>
void SplittingMethod<Scalar>::interpolate(const Step<Scalar>& step,
                                          std::span<const double> thetas,
                                          Block<Scalar> out) {
  if (nodes_.ready()) {
    nodes_.evaluate(thetas, out);
    return;
  }
  for (std::size_t i = 0; i < thetas.size(); ++i) {
    const double theta = thetas[i];
    auto A = out.col(static_cast<Index>(i));
    if (!(theta > 0.0)) {
      A = step.y.head(out.rows());
    } else if (!look(step, theta, A)) {
      A.setConstant(static_cast<Scalar>(kNaN)); // not seen from θ = 1/4 to 1
    }
  }
}

template class SplittingMethod<double>;
template class SplittingMethod<float>;

} // namespace linflow
