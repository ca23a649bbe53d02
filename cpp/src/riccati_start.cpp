#include "linflow/riccati_start.hpp"

#include "linflow/cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace linflow {
namespace {

template <class S> std::pair<S, S> extremes(const Matrix<S>& symmetric) {
  SymmetricEigen<S> solver(symmetric.rows());
  solver.values_only(symmetric);
  const auto& values = solver.values();
  return {std::max(values[0], S(0)), std::max(values[values.size() - 1], S(0))};
}

template <class S> Matrix<S> gram(const Matrix<S>& x) {
  Matrix<S> out(x.rows(), x.rows());
  gram_nt<S>(x, out);
  mirror<S>(out);
  return out;
}

} // namespace

template <class S>
RiccatiStart<S>::RiccatiStart(std::shared_ptr<const Riccati<S>> flow,
                              const Matrix<S>& X,
                              const Matrix<S>& Y,
                              S tolerance)
    : flow_(std::move(flow)), X_(X), Y_(Y), tolerance_(tolerance), columns_(X.cols()) {
  if (X.rows() != flow_->d_in() || Y.rows() != flow_->d_out() || X.cols() != Y.cols())
    throw std::invalid_argument("X = W1^T must be (d_in, r) and Y = W2 (d_out, r) with "
                                "the target's d_in, d_out");
  if (!X.allFinite() || !Y.allFinite())
    throw std::invalid_argument("the weights must be finite");
  const Index m = flow_->modes();
  // Before rotating: keeps triangular zeros.
  const Matrix<S> product = multiply_nt<S>(Y, X);
  a_ = multiply<S>(multiply_tn<S>(flow_->U(), product), flow_->V());
  g_ = a_;
  g_.diagonal().head(m) -= flow_->sigma();
  c1_ = gram<S>(multiply_tn<S>(flow_->V(), X));
  c2_ = gram<S>(multiply_tn<S>(flow_->U(), Y));
  bounds();
}

template <class S>
RiccatiStart<S>::RiccatiStart(std::shared_ptr<const Riccati<S>> flow,
                              RiccatiPoint<S> point)
    : flow_(std::move(flow)), factor_(std::move(point.factor)),
      a_(std::move(point.product)), g_(std::move(point.residual)) {
  if (factor_.rows.rows() != flow_->size() || g_.rows() != flow_->d_out() ||
      g_.cols() != flow_->d_in())
    throw std::invalid_argument("this state belongs to a flow of another shape");
  columns_ = factor_.rows.cols();
  Matrix<S> x;
  Matrix<S> y;
  flow_->from_eigen(factor_.rows, x, y);
  c1_ = gram<S>(x);
  c2_ = gram<S>(y);
  bounds();
}

template <class S> const Graded<S>& RiccatiStart<S>::factor() const {
  std::call_once(factored_, [this] {
    if (X_.size() == 0) {
      return; // it came with the state
    }
    Matrix<S> rows;
    flow_->to_eigen(
        multiply_tn<S>(flow_->V(), X_), multiply_tn<S>(flow_->U(), Y_), rows);
    Matrix<S> sizes;
    const auto bound = [](const Matrix<S>& frame, const Matrix<S>& weights) {
      return multiply_tn<S>(frame.cwiseAbs().eval(), weights.cwiseAbs().eval());
    };
    flow_->to_eigen_abs(bound(flow_->V(), X_), bound(flow_->U(), Y_), sizes);
    const Vector<S> noise =
        tolerance_ * std::numeric_limits<S>::epsilon() * sizes.rowwise().norm();
    factor_ = triangular<S>(rows, noise);
  });
  return factor_;
}

template <class S> void RiccatiStart<S>::bounds() {
  std::tie(c1_low_, c1_high_) = extremes<S>(c1_);
  std::tie(c2_low_, c2_high_) = extremes<S>(c2_);
  g_norm_ = 0;
  if (const S size = g_.cwiseAbs().maxCoeff(); size > 0) { // squares do not underflow
    Vector<S> direction = unbiased_direction<S>(g_.cols());
    Vector<S> image;
    const Matrix<S> scaled = g_ / size;
    g_norm_ = size * static_cast<S>(operator_norm<S>(scaled, direction, image));
  }
}

template <class S> bool RiccatiStart<S>::standing(S time) const {
  // Change of a logarithm: (|F| + |P|) t, and mu t against P itself.
  const S rate = flow_->speed() + c1_high_ + c2_high_;
  return time == 0 || (time * rate < S(1e-30) &&
                       (flow_->mu() == 0 ||
                        flow_->mu() * time < S(1e-30) * std::max(c1_high_, c2_high_)));
}

template <class S>
bool RiccatiStart<S>::uses_residual_form(const RiccatiRates<S>& rates) const {
  const S half = flow_->lam() / 2;
  const S N_low = rates.N.minCoeff();
  const S N_high = rates.N.maxCoeff();
  const S high1 = N_high + half + c1_high_;
  const S high2 = N_high - half + c2_high_;
  // P is read as F + ..., A as T + G: that costs the digits by which F exceeds P.
  const S excess = flow_->level().cwiseAbs().maxCoeff() / std::max(c1_high_, c2_high_);
  const S limit = (std::is_same_v<S, float> ? S(100) : S(1e3)) / std::max(S(1), excess);
  // First bound: the blocks dominate G (lazy). After scaling them to one, the smallest
  // eigenvalue is at least 1 - |G| / sqrt(low1 low2).
  const S low1 = N_low + half + c1_low_;
  const S low2 = N_low - half + c2_low_;
  if (low1 > 0 && low2 > 0) {
    const S rest = 1 - g_norm_ / std::sqrt(low1) / std::sqrt(low2);
    if (rest > 0 && 2 * std::max(high1 / low1, high2 / low2) < limit * rest)
      return true;
  }
  // Second bound: P(0) >= 0 and the smallest eigenvalue of N - F = 1 / W.
  const S weakest = std::exp(-2 * rates.log_weight.maxCoeff());
  return std::max(high1, high2) + g_norm_ < limit * weakest;
}

template <class S>
RiccatiPoint<S> RiccatiStart<S>::advance(S time, RiccatiWorkspace<S>& ws) const {
  if (!(time >= 0))
    throw std::invalid_argument("times must be >= 0");
  RiccatiPoint<S> out;
  if (standing(time)) {
    out.factor = factor();
    out.product = a_;
    out.residual = g_;
    return out;
  }
  flow_->rates(time, ws.rates);
  RiccatiState<S> now;
  const RiccatiRequest request;
  std::vector<Index> first = graded(ws, request, now);
  out.product = std::move(now.product);
  const S size = std::max(out.product.cwiseAbs().maxCoeff(), flow_->sigma()[0]);
  const S level = std::max(ws.rates.source.maxCoeff(),
                           ws.graded.W.rowwise().squaredNorm().maxCoeff());
  const Index m = flow_->modes();
  if (level > 100 * size && uses_residual_form(ws.rates)) {
    // Only here does reading A out of P lose digits. Elsewhere A must agree with the
    // factor to the last bit: K may be ill conditioned, and a mismatch be amplified.
    residual(ws, request, now);
    out.residual = now.product;
    out.product = std::move(now.product);
    out.product.diagonal().head(m) += flow_->sigma();
  } else {
    out.residual = out.product;
    out.residual.diagonal().head(m) -= flow_->sigma();
  }
  const Index n = flow_->size();
  const Index r = ws.graded.W.cols();
  if (flow_->mu() == 0) {
    out.factor.assign(ws.graded.W, std::move(first));
    return out;
  }
  // Recompress [sqrt(mu W), D X] to n columns; row by row stable, nothing is dropped.
  Matrix<S> wide(n, n + r);
  wide.leftCols(n) = Matrix<S>(ws.rates.source.cwiseSqrt().asDiagonal());
  wide.rightCols(r) = ws.graded.W;
  out.factor = triangular<S>(wide, Vector<S>::Constant(n, S(-1)));
  return out;
}

template <class S>
void RiccatiStart<S>::factors(S time,
                              RiccatiWorkspace<S>& ws,
                              Matrix<S>& X,
                              Matrix<S>& Y) const {
  if (flow_->mu() > 0 && time > 0) {
    flow_->rates(time, ws.rates);
    if (uses_residual_form(ws.rates)) {
      RiccatiState<S> now;
      const RiccatiRequest all{true, true, true, true};
      state(time, all, ws, now);
      Matrix<S>& top = now.input_gram;
      if (const Cholesky<S> factor(top);
          factor.positive_definite() && factor.rcond() > S(1e-4)) {
        Matrix<S>& low = now.product; // A L^{-T}
        solve_right_transposed<S>(top, low);
        Matrix<S>& bottom = now.output_gram;
        add_product_nt<S>(S(-1), low, low, bottom);
        if (const Cholesky<S> rest(bottom);
            rest.positive_definite() && rest.rcond() > S(1e-4)) {
          // In natural coordinates from the right: U, V applied to rows only.
          const Index n = flow_->size();
          Matrix<S> x = Matrix<S>::Zero(flow_->d_in(), n);
          Matrix<S> y(flow_->d_out(), n);
          x.leftCols(flow_->d_in()) = top.template triangularView<Eigen::Lower>();
          y.leftCols(flow_->d_in()) = low;
          y.rightCols(flow_->d_out()) = bottom.template triangularView<Eigen::Lower>();
          X = multiply<S>(flow_->V(), x);
          Y = multiply<S>(flow_->U(), y);
          return;
        }
      }
    }
  }
  const RiccatiPoint<S> point = advance(time, ws);
  Matrix<S> x;
  Matrix<S> y;
  flow_->from_eigen(point.factor.rows, x, y);
  const Index r = flow_->mu() > 0 ? x.cols() : std::max(x.cols(), columns_);
  X.setZero(flow_->d_in(), r);
  Y.setZero(flow_->d_out(), r);
  add_product<S>(S(1), flow_->V(), x, X.leftCols(x.cols()));
  add_product<S>(S(1), flow_->U(), y, Y.leftCols(y.cols()));
}

template class RiccatiStart<double>;
template class RiccatiStart<float>;

} // namespace linflow
