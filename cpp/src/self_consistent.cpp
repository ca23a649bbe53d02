#include "linflow/self_consistent.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {

template <class Scalar>
SelfConsistent<Scalar>::SelfConsistent(Index d_out, Index d_in)
    : wide_(d_out < d_in), A_(d_out, d_in), residual_(d_out, d_in),
      gram_(std::min(d_out, d_in), std::min(d_out, d_in)),
      modes_(std::max(d_out, d_in), gram_.rows()), overlap_(gram_.rows(), gram_.rows()),
      pulled_(modes_.rows(), gram_.rows()), root_(gram_.rows()), inverse_(gram_.rows()),
      solver_(gram_.rows()) {}

template <class Scalar>
void SelfConsistent<Scalar>::begin(const Objective<Scalar>& objective,
                                   double step_size,
                                   double kappa) {
  if (objective.d_out() != A_.rows() || objective.d_in() != A_.cols()) {
    throw std::invalid_argument("self_consistent: the task does not fit the workspace");
  }
  objective_ = &objective;
  step_size_ = step_size;
  kappa_ = kappa;
}

template <class Scalar> Errors SelfConsistent<Scalar>::measure() {
  residual_ = A_ - objective_->target();
  return objective_->errors(residual_);
}

template <class Scalar> void SelfConsistent<Scalar>::advance() {
  // In the tall case V = eigenvectors of AᵀA, M = AV:
  //   C2 G + G C1 = 2κG + M h (MᵀG) + (G V) root Vᵀ.
  // The wide case is the transpose of it.
  gram_.setZero();
  auto lower = gram_.template selfadjointView<Eigen::Lower>();
  if (wide_) {
    lower.rankUpdate(A_);
  } else {
    lower.rankUpdate(A_.transpose());
  }
  solver_.compute(gram_);
  for (Index i = 0; i < gram_.rows(); ++i) {
    const double square = std::max(static_cast<double>(solver_.eigenvalues()[i]), 0.0);
    const double sum = std::sqrt(square + kappa_ * kappa_) + kappa_;
    inverse_[i] = static_cast<Scalar>(sum > 0.0 ? 1.0 / sum : 0.0);
    root_[i] = static_cast<Scalar>(sum > 0.0 ? square / sum : 0.0);
  }
  if (wide_) {
    update(A_.transpose(), residual_.transpose());
  } else {
    update(A_, residual_);
  }
}

template <class Scalar>
template <class Product, class Residual>
void SelfConsistent<Scalar>::update(Product&& A, const Residual& G) {
  const auto& V = solver_.eigenvectors();
  const auto eta = static_cast<Scalar>(step_size_);
  modes_.noalias() = A * V;
  overlap_.noalias() = modes_.transpose() * G;
  overlap_.array().colwise() *= inverse_.array();
  pulled_.noalias() = G * V;
  pulled_.array().rowwise() *= root_.transpose().array();
  // A is no longer read from here on.
  A -= static_cast<Scalar>(2.0 * kappa_) * eta * G;
  A.noalias() -= eta * (modes_ * overlap_);
  A.noalias() -= eta * (pulled_ * V.transpose());
}

template class SelfConsistent<double>;
template class SelfConsistent<float>;

} // namespace linflow
