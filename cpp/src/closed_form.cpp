#include "linflow/closed_form.hpp"

#include "linflow/linear_algebra.hpp"
#include "linflow/products.hpp"

#include <cmath>
#include <utility>

namespace linflow {
namespace {

template <class Scalar>
class RiccatiEvaluator final : public Solution<Scalar>::Evaluator {
public:
  explicit RiccatiEvaluator(const RiccatiStart<Scalar>& start) : start_(&start) {}

  void coordinates(double time, Matrix<Scalar>& out) override {
    constexpr RiccatiRequest request{true, false, false, true}; // in the singular basis
    start_->state(static_cast<Scalar>(time), request, workspace_, state_);
    out.swap(state_.product);
  }

  void grams(double time,
             Matrix<Scalar>& coordinates,
             Matrix<Scalar>& input_gram,
             Matrix<Scalar>& output_gram) override {
    constexpr RiccatiRequest request{true, true, true, true};
    start_->state(static_cast<Scalar>(time), request, workspace_, state_);
    coordinates.swap(state_.product);
    turn(start_->flow().V(), state_.input_gram, input_gram);
    turn(start_->flow().U(), state_.output_gram, output_gram);
  }

private:
  void turn(const Matrix<Scalar>& frame, const Matrix<Scalar>& M, Matrix<Scalar>& out) {
    half_.setZero(M.rows(), M.cols());
    add_product<Scalar>(Scalar(1), frame, M, half_);
    out.setZero(M.rows(), M.cols());
    add_product_nt<Scalar>(Scalar(1), half_, frame, out);
  }

  Matrix<Scalar> half_;
  const RiccatiStart<Scalar>* start_;
  RiccatiWorkspace<Scalar> workspace_;
  RiccatiState<Scalar> state_;
};

} // namespace

template <class Scalar>
Factors<Scalar>
self_consistent_factors(const Matrix<Scalar>& A, double lam, double mu) {
  const Index d_out = A.rows();
  const Index d_in = A.cols();
  const SingularVectors<Scalar> svd = singular_vectors<Scalar>(A);
  const Index modes = svd.values.size();
  const double kappa = std::hypot(std::sqrt(mu), lam / 2);
  Factors<Scalar> out{Matrix<Scalar>::Zero(d_in, d_in + d_out),
                      Matrix<Scalar>::Zero(d_out, d_in + d_out)};
  // C ∓ λ/2 with C = sqrt(s² + κ²), the smaller of the two without cancellation:
  // (C − λ/2)(C + λ/2) = s² + μ.
  const auto levels = [&](double s) {
    const double large = std::hypot(s, kappa) + std::abs(lam) / 2;
    const double small = large > 0.0 ? (s * s + mu) / large : 0.0;
    return lam > 0.0 ? std::pair{small, large} : std::pair{large, small};
  };
  for (Index i = 0; i < modes; ++i) {
    const auto s = static_cast<double>(svd.values[i]);
    const auto [c1, c2] = levels(s);
    const double a = std::sqrt(c1);
    const double cross = a > 0.0 ? s / a : 0.0;
    const double rest = a > 0.0 ? std::sqrt(mu) / a : std::sqrt(c2);
    out.X.col(i) = static_cast<Scalar>(a) * svd.V.col(i);
    out.Y.col(i) = static_cast<Scalar>(cross) * svd.U.col(i);
    out.Y.col(modes + i) = static_cast<Scalar>(rest) * svd.U.col(i);
  }
  const auto [null1, null2] = levels(0.0);
  Index column = 2 * modes;
  for (Index i = modes; i < d_in; ++i) {
    out.X.col(column++) = static_cast<Scalar>(std::sqrt(null1)) * svd.V.col(i);
  }
  for (Index i = modes; i < d_out; ++i) {
    out.Y.col(column++) = static_cast<Scalar>(std::sqrt(null2)) * svd.U.col(i);
  }
  return out;
}

template <class Scalar>
std::unique_ptr<typename Solution<Scalar>::Evaluator>
ClosedForm<Scalar>::evaluator() const {
  return std::make_unique<RiccatiEvaluator<Scalar>>(start_);
}

template Factors<double>
self_consistent_factors<double>(const Matrix<double>&, double, double);
template Factors<float>
self_consistent_factors<float>(const Matrix<float>&, double, double);
template class ClosedForm<double>;
template class ClosedForm<float>;

} // namespace linflow
