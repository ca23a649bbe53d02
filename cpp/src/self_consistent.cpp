#include "linflow/self_consistent.hpp"

#include "linflow/products.hpp"

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

// In the tall case V = eigenvectors of AᵀA, M = AV:
//   C2 G + G C1 = 2κG + M h (MᵀG) + (G V root) Vᵀ,
// in the wide one its transpose, with U = eigenvectors of AAᵀ, M = AᵀU:
//   C2 G + G C1 = 2κG + (G M h) Mᵀ + U (Gᵀ U root)ᵀ.
template <class Scalar> void SelfConsistent<Scalar>::advance() {
  if (wide_) {
    gram_nt<Scalar>(A_, gram_);
  } else {
    gram_tn<Scalar>(A_, gram_);
  }
  solver_.compute(gram_);
  for (Index i = 0; i < gram_.rows(); ++i) {
    const double square = std::max(static_cast<double>(solver_.values()[i]), 0.0);
    const double sum = std::sqrt(square + kappa_ * kappa_) + kappa_;
    inverse_[i] = static_cast<Scalar>(sum > 0.0 ? 1.0 / sum : 0.0);
    root_[i] = static_cast<Scalar>(sum > 0.0 ? square / sum : 0.0);
  }
  modes_.setZero();
  overlap_.setZero();
  pulled_.setZero();
  if (wide_) {
    advance_wide();
  } else {
    advance_tall();
  }
}

template <class Scalar> void SelfConsistent<Scalar>::advance_tall() {
  const auto& V = solver_.vectors();
  const auto eta = static_cast<Scalar>(step_size_);
  add_product<Scalar>(Scalar(1), A_, V, modes_);
  add_product_tn<Scalar>(Scalar(1), modes_, residual_, overlap_);
  add_product<Scalar>(Scalar(1), residual_, V, pulled_);
  overlap_.array().colwise() *= inverse_.array();
  pulled_.array().rowwise() *= root_.transpose().array();
  A_ -= static_cast<Scalar>(2.0 * kappa_) * eta * residual_;
  add_product<Scalar>(-eta, modes_, overlap_, A_);
  add_product_nt<Scalar>(-eta, pulled_, V, A_);
}

template <class Scalar> void SelfConsistent<Scalar>::advance_wide() {
  const auto& U = solver_.vectors();
  const auto eta = static_cast<Scalar>(step_size_);
  add_product_tn<Scalar>(Scalar(1), A_, U, modes_);
  add_product<Scalar>(Scalar(1), residual_, modes_, overlap_);
  add_product_tn<Scalar>(Scalar(1), residual_, U, pulled_);
  overlap_.array().rowwise() *= inverse_.transpose().array();
  pulled_.array().rowwise() *= root_.transpose().array();
  A_ -= static_cast<Scalar>(2.0 * kappa_) * eta * residual_;
  add_product_nt<Scalar>(-eta, overlap_, modes_, A_);
  add_product_nt<Scalar>(-eta, U, pulled_, A_);
}

template class SelfConsistent<double>;
template class SelfConsistent<float>;

} // namespace linflow
