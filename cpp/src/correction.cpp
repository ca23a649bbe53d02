#include "linflow/correction.hpp"

#include "linflow/products.hpp"

namespace linflow {
namespace {

// k = C² + λC − K in the lower triangle; K holds its own.
template <class Scalar, class In, class Out>
void correction_slope(const In& C, Scalar lam, const Matrix<Scalar>& K, Out&& k) {
  gram_nt<Scalar>(C, k);
  for (Index j = 0; j < C.cols(); ++j) {
    const Index below = C.rows() - j;
    k.col(j).tail(below) += lam * C.col(j).tail(below) - K.col(j).tail(below);
  }
}

} // namespace

template <class Scalar>
void Correction<Scalar>::sources(const ConstBlock<Scalar>& A,
                                 Matrix<Scalar>& K11,
                                 Matrix<Scalar>& K22) const {
  K11.resize(A.cols(), A.cols());
  gram_tn<Scalar>(A, K11);
  K11.diagonal().array() += mu_;
  K22.resize(A.rows(), A.rows());
  gram_nt<Scalar>(A, K22);
  K22.diagonal().array() += mu_;
}

// From the slope in slope_of_.
template <class Scalar>
void Correction<Scalar>::step(double time,
                              Scalar lam,
                              const Matrix<Scalar>& K,
                              Eigen::Map<Matrix<Scalar>> C) {
  const auto h = static_cast<Scalar>(time);
  const Scalar reach[] = {0.5, 0.5, 1};
  const Scalar weight[] = {2, 2, 1};
  sum_ = slope_of_;
  for (int i = 0; i < 3; ++i) {
    stage_ = C + reach[i] * h * slope_of_;
    mirror<Scalar>(stage_);
    correction_slope<Scalar>(stage_, lam, K, slope_of_);
    sum_ += weight[i] * slope_of_;
  }
  C += h / Scalar(6) * sum_;
  mirror<Scalar>(C);
}

template <class Scalar> void Correction<Scalar>::apply(double time, Vector<Scalar>& y) {
  auto state = flow_.mutable_blocks(y);
  sources(state.A, k11_, k22_);
  const auto move = [&](auto C, Scalar lam, const Matrix<Scalar>& K) {
    slope_of_.resize(C.rows(), C.cols());
    correction_slope<Scalar>(C, lam, K, slope_of_);
    step(time, lam, K, C);
  };
  move(state.C1, lam_, k11_);
  move(state.C2, -lam_, k22_);
}

template <class Scalar> void Correction<Scalar>::begin(const Vector<Scalar>& start) {
  start_ = &start;
  const auto [A, C1, C2] = flow_.blocks(start);
  sources(A, start_k11_, start_k22_);
  slope_.setZero(start.size());
  auto slopes = flow_.mutable_blocks(slope_);
  correction_slope<Scalar>(C1, lam_, start_k11_, slopes.C1);
  correction_slope<Scalar>(C2, -lam_, start_k22_, slopes.C2);
  mirror<Scalar>(slopes.C1);
  mirror<Scalar>(slopes.C2);
}

template <class Scalar>
void Correction<Scalar>::from_start(double time, Vector<Scalar>& y) {
  y = *start_;
  auto state = flow_.mutable_blocks(y);
  const auto slopes = flow_.blocks(slope_);
  slope_of_ = slopes.C1;
  step(time, lam_, start_k11_, state.C1);
  slope_of_ = slopes.C2;
  step(time, -lam_, start_k22_, state.C2);
}

template class Correction<double>;
template class Correction<float>;

} // namespace linflow
