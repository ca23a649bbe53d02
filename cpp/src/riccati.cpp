#include "linflow/riccati.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace linflow {
namespace {

// The first vectors of a basis, completed by others that make it few reflections.
template <class S>
SingularVectors<S> reflected(const SingularVectors<S>& basis, Index count) {
  const auto left = completed<S>(basis.U.leftCols(count));
  const auto right = completed<S>(basis.V.leftCols(count));
  return {left.matrix(), basis.values, right.matrix(), left, right};
}

} // namespace

template <class S> void RiccatiRates<S>::resize(Index modes, Index n) {
  for (auto* v : {&N, &h, &sech, &rtanh})
    v->resize(modes + 1);
  for (auto* v : {&log_weight, &decay, &source})
    v->resize(n);
}

template <class S>
std::shared_ptr<const SingularVectors<S>> riccati_basis(const Matrix<S>& target) {
  if (target.size() == 0 || !target.allFinite())
    throw std::invalid_argument("target must be a non-empty matrix of finite numbers");
  auto basis = std::make_shared<SingularVectors<S>>(singular_vectors<S>(target));
  Vector<S>& sigma = basis->values;
  const Index m = sigma.size();
  const S eps = std::numeric_limits<S>::epsilon();
  const S top = sigma[0];
  for (Index i = 0; i < m; ++i)
    if (sigma[i] <= static_cast<S>(target.rows() + target.cols()) * eps * top)
      sigma[i] = 0;
  for (Index i = 0, j = 1; i < m; i = j) { // equal up to rounding: make them equal
    for (j = i + 1; j < m && sigma[j - 1] - sigma[j] <= 8 * eps * top; ++j) {
    }
    sigma.segment(i, j - i).setConstant(sigma[i + (j - i) / 2]);
  }
  // What T does not reach has no directions of its own: those are taken that make the
  // basis few reflections.
  const Index rank = (sigma.array() > S(0)).count();
  if (rank > 0 && 8 * rank <= m) {
    *basis = reflected(*basis, rank);
  }
  return basis;
}

template <class S>
std::shared_ptr<const SingularVectors<S>>
leading_basis(std::shared_ptr<const SingularVectors<S>> basis) {
  const Vector<S>& sigma = basis->values;
  const Index most = sigma.size() / 8;
  Index count = 0;
  S fall = S(0.5);
  for (Index i = 1; i <= most; ++i) {
    if (sigma[i] <= fall * sigma[i - 1]) {
      fall = sigma[i] / sigma[i - 1];
      count = i;
    }
    if (!(sigma[i] > S(0))) {
      break;
    }
  }
  if (count == 0 || !basis->left.empty()) {
    return basis;
  }
  return std::make_shared<SingularVectors<S>>(reflected(*basis, count));
}

template <class S>
Riccati<S>::Riccati(std::shared_ptr<const SingularVectors<S>> basis, S lam, S mu)
    : lam_(lam), mu_(mu), basis_(std::move(basis)) {
  if (!std::isfinite(lam) || !std::isfinite(mu) || mu < 0)
    throw std::invalid_argument("lam must be finite and mu finite and >= 0");
  const Index m = modes();
  const Index n = size();
  const S half = lam / 2;
  Vector<S> unsorted(n);
  rate_.resize(m + 1);
  cos_.resize(m);
  sin_.resize(m);
  const S root = std::sqrt(mu);
  std::vector<Index> mode(n, m);
  for (Index i = 0; i < m; ++i) {
    const S l = std::hypot(sigma()[i], half);
    unsorted[i] = l;
    unsorted[m + i] = -l;
    mode[i] = mode[m + i] = i;
    rate_[i] = std::hypot(l, root);
    // The eigenvector of +l is the larger of two proportional pairs of sums.
    const S a = half >= 0 ? sigma()[i] : l - half;
    const S b = half >= 0 ? l + half : sigma()[i];
    const S norm = std::hypot(a, b);
    cos_[i] = norm > 0 ? a / norm : std::sqrt(S(0.5));
    sin_[i] = norm > 0 ? b / norm : std::sqrt(S(0.5));
  }
  rate_[m] = std::hypot(half, root);
  speed_ = rate_.maxCoeff();
  const Index more_in = d_in() - m;
  for (Index i = 2 * m; i < n; ++i)
    unsorted[i] = i < 2 * m + more_in ? -half : half;

  // A stable sort of this arrangement leaves the + rows of the modes consecutive and
  // the
  // - rows consecutive backwards, ties included: to_eigen and from_eigen rely on it.
  std::vector<Index> order(n);
  std::iota(order.begin(), order.begin() + m, Index(0));
  std::iota(order.begin() + m, order.end() - m, 2 * m);
  std::iota(order.rbegin(), order.rbegin() + m, m);
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) {
    return unsorted[i] > unsorted[j];
  });
  level_.resize(n);
  mode_.resize(n);
  std::vector<Index> row(n);
  for (Index k = 0; k < n; ++k) {
    row[order[k]] = k;
    level_[k] = unsorted[order[k]];
    mode_[k] = mode[order[k]];
  }
  plus_.assign(row.begin(), row.begin() + m);
  minus_.assign(row.begin() + m, row.begin() + 2 * m);
  inputs_.assign(row.begin() + 2 * m, row.begin() + 2 * m + more_in);
  outputs_.assign(row.begin() + 2 * m + more_in, row.end());
}

template <class S> void Riccati<S>::rates(S time, RiccatiRates<S>& out) const {
  const Index m = modes();
  const Index n = size();
  out.resize(m, n);
  out.time = time;
  // Infinity: h = 0 and N = R exactly, but the weights, which only decide who wins, are
  // taken at a time at which levels one rounding error apart are e^{10^4} apart.
  const bool ended = std::isinf(time);
  const S eps = std::numeric_limits<S>::epsilon();
  const S clock = ended ? (speed_ > 0 ? S(1e5) / (eps * speed_) : S(1)) : time;
  Vector<S>& log_h = out.sech; // borrowed until the end of the loop below
  for (Index i = 0; i <= m; ++i) {
    const S R = rate_[i];
    const S y = clock * R;
    if (y < S(1e-30)) {
      out.N[i] = out.h[i] = ended ? S(0) : 1 / clock;
      log_h[i] = -std::log(clock);
      out.rtanh[i] = R * y;
    } else {
      const S e = std::exp(-y);
      const S gap = -std::expm1(-2 * y);
      out.N[i] = R * (1 + e * e) / gap;
      out.h[i] = ended ? S(0) : 2 * R * e / gap;
      log_h[i] = std::log(2 * R) - y - std::log(gap);
      out.rtanh[i] = R * gap / (1 + e * e);
    }
  }
  for (Index k = 0; k < n; ++k) {
    const Index i = mode_[k];
    const S L = level_[k];
    const S N = out.N[i];
    const S h2 = out.h[i] * out.h[i];
    if (L > 0) { // N - L = (h^2 + mu) / (N + L)
      const S log_sum = mu_ > 0 ? std::log(h2 + mu_) : 2 * log_h[i];
      out.log_weight[k] = (std::log(N + L) - log_sum) / 2;
      out.decay[k] =
          mu_ > 0 ? std::sqrt((N + L) * (h2 / (h2 + mu_))) : std::sqrt(N + L);
      out.source[k] = mu_ > 0 ? mu_ * (N + L) / (h2 + mu_) : S(0);
    } else if (N - L > 0) {
      out.log_weight[k] = -std::log(N - L) / 2;
      out.decay[k] = out.h[i] / std::sqrt(N - L);
      out.source[k] = mu_ / (N - L);
    } else { // L = R = 0 at infinity: W = t grows, but slower than any exponential
      out.log_weight[k] = -std::log(eps) * 100;
      out.decay[k] = 0;
      out.source[k] = 0;
    }
  }
  for (Index i = 0; i <= m; ++i) {
    const S y = std::isinf(time) ? std::numeric_limits<S>::infinity() : time * rate_[i];
    out.sech[i] =
        rate_[i] == 0 && ended ? S(0) : 2 * std::exp(-y) / (1 + std::exp(-2 * y));
  }
}

template <class S>
void Riccati<S>::to_eigen(const Matrix<S>& x,
                          const Matrix<S>& y,
                          Matrix<S>& rows) const {
  const Index m = modes();
  rows.resize(size(), x.cols());
  for (Index j = 0; j < x.cols(); ++j) {
    const auto a = x.col(j).head(m).array();
    const auto b = y.col(j).head(m).array();
    rows.col(j).segment(plus_[0], m) = cos_.array() * a + sin_.array() * b;
    rows.col(j).segment(minus_[m - 1], m).reverse() =
        cos_.array() * b - sin_.array() * a;
  }
  for (std::size_t k = 0; k < inputs_.size(); ++k)
    rows.row(inputs_[k]) = x.row(m + Index(k));
  for (std::size_t k = 0; k < outputs_.size(); ++k)
    rows.row(outputs_[k]) = y.row(m + Index(k));
}

template <class S>
void Riccati<S>::to_eigen_abs(const Matrix<S>& x,
                              const Matrix<S>& y,
                              Matrix<S>& rows) const {
  const Index m = modes();
  to_eigen(x, y, rows);
  for (Index j = 0; j < x.cols(); ++j)
    rows.col(j).segment(minus_[m - 1], m).reverse() =
        cos_.array() * y.col(j).head(m).array() +
        sin_.array() * x.col(j).head(m).array();
}

template <class S>
void Riccati<S>::from_eigen(const Matrix<S>& rows, Matrix<S>& x, Matrix<S>& y) const {
  const Index m = modes();
  x.resize(d_in(), rows.cols());
  y.resize(d_out(), rows.cols());
  for (Index j = 0; j < rows.cols(); ++j) {
    const auto p = rows.col(j).segment(plus_[0], m).array();
    const auto q = rows.col(j).segment(minus_[m - 1], m).reverse().array();
    x.col(j).head(m) = cos_.array() * p - sin_.array() * q;
    y.col(j).head(m) = sin_.array() * p + cos_.array() * q;
    for (std::size_t k = 0; k < inputs_.size(); ++k)
      x(m + Index(k), j) = rows(inputs_[k], j);
    for (std::size_t k = 0; k < outputs_.size(); ++k)
      y(m + Index(k), j) = rows(outputs_[k], j);
  }
}

template <class S>
void Riccati<S>::source_blocks(const Vector<S>& source,
                               Vector<S>& inputs,
                               Vector<S>& outputs,
                               Vector<S>& cross) const {
  inputs.resize(d_in());
  outputs.resize(d_out());
  cross.resize(modes());
  for (Index i = 0; i < modes(); ++i) {
    const S p = source[plus_[i]];
    const S q = source[minus_[i]];
    inputs[i] = cos_[i] * cos_[i] * p + sin_[i] * sin_[i] * q;
    outputs[i] = sin_[i] * sin_[i] * p + cos_[i] * cos_[i] * q;
    cross[i] = cos_[i] * sin_[i] * (p - q);
  }
  for (std::size_t k = 0; k < inputs_.size(); ++k)
    inputs[modes() + Index(k)] = source[inputs_[k]];
  for (std::size_t k = 0; k < outputs_.size(); ++k)
    outputs[modes() + Index(k)] = source[outputs_[k]];
}

template std::shared_ptr<const SingularVectors<double>>
riccati_basis<double>(const Matrix<double>&);
template std::shared_ptr<const SingularVectors<float>>
riccati_basis<float>(const Matrix<float>&);
template std::shared_ptr<const SingularVectors<double>>
    leading_basis<double>(std::shared_ptr<const SingularVectors<double>>);
template std::shared_ptr<const SingularVectors<float>>
    leading_basis<float>(std::shared_ptr<const SingularVectors<float>>);
template class Riccati<double>;
template class Riccati<float>;
template struct RiccatiRates<double>;
template struct RiccatiRates<float>;

} // namespace linflow
