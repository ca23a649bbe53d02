#include "linflow/descent.hpp"

#include "linflow/products.hpp"

#include <stdexcept>

namespace linflow {

template <class Scalar>
Descent<Scalar>::Descent(Index d_out, Index d_in, Index units)
    : X_(d_in, units), Y_(d_out, units), next_X_(d_in, units), residual_(d_out, d_in) {}

template <class Scalar>
void Descent<Scalar>::begin(const Objective<Scalar>& objective,
                            const StepSizes& sizes,
                            Index units) {
  if (objective.d_out() != Y_.rows() || objective.d_in() != X_.rows() ||
      units > X_.cols()) {
    throw std::invalid_argument("descent: the task does not fit the workspace");
  }
  objective_ = &objective;
  sizes_ = sizes;
  units_ = units;
}

template <class Scalar> Errors Descent<Scalar>::measure() {
  residual_ = -objective_->target();
  add_product_nt<Scalar>(static_cast<Scalar>(sizes_.scale), Y(), X(), residual_);
  return objective_->errors(residual_);
}

template <class Scalar> void Descent<Scalar>::product(Matrix<Scalar>& out) const {
  out = residual_ + objective_->target();
  if (objective_->drowns(out)) {
    out.setZero();
    add_product_nt<Scalar>(static_cast<Scalar>(sizes_.scale),
                           Y_.leftCols(units_),
                           X_.leftCols(units_),
                           out);
  }
}

template <class Scalar> void Descent<Scalar>::remember() {
  remembered_ = residual_;
  moved_on_ = false;
}

template <class Scalar> bool Descent<Scalar>::remembered(Matrix<Scalar>& out) {
  out = remembered_ + objective_->target();
  const bool drowns = objective_->drowns(out);
  if (drowns && !moved_on_) {
    product(out);
  }
  return !drowns || !moved_on_;
}

template <class Scalar> void Descent<Scalar>::advance() {
  moved_on_ = true;
  const auto step1 =
      static_cast<Scalar>(sizes_.step_size * sizes_.rate1 * sizes_.scale);
  const auto step2 =
      static_cast<Scalar>(sizes_.step_size * sizes_.rate2 * sizes_.scale);
  auto next_X = next_X_.leftCols(units_);
  next_X = X();
  if (step1 != Scalar(0)) {
    add_product_tn<Scalar>(-step1, residual_, Y(), next_X);
  }
  if (step2 != Scalar(0)) {
    add_product<Scalar>(-step2, residual_, X(), Y());
  }
  X_.swap(next_X_);
}

template class Descent<double>;
template class Descent<float>;

} // namespace linflow
