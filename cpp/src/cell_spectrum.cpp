#include "linflow/cell_spectrum.hpp"

#include <algorithm>
#include <cmath>

namespace linflow {

template <class Scalar>
CellSpectrum<Scalar>::CellSpectrum(Index d_out,
                                   Index d_in,
                                   const CellSpectrumOptions& options)
    : options_(options), d_out_(d_out), d_in_(d_in), all_(d_out, d_in) {}

template <class Scalar> void CellSpectrum<Scalar>::begin(double kappa) {
  kappa_ = kappa;
  if (options_.crossings) {
    // A new one for each cell: what it finds must not depend on the cell before.
    SpectrumOptions wanted;
    wanted.top = options_.modes;
    observer_ = std::make_unique<SpectrumObserver<Scalar>>(d_out_, d_in_, wanted);
    before_.clear();
    crossed_.assign(static_cast<std::size_t>(options_.modes), kNaN);
  }
}

template <class Scalar>
void CellSpectrum<Scalar>::step(Index step, const Matrix<Scalar>& A) {
  seen_.singular_values.clear();
  seen_.converged.clear();
  observer_->look(A, seen_);
  const auto& now = seen_.singular_values;
  for (std::size_t i = 0; i < crossed_.size(); ++i) {
    if (!std::isnan(crossed_[i]) || !(now[i] > kappa_)) {
      continue;
    }
    const auto at = static_cast<double>(step);
    crossed_[i] = at;
    if (!before_.empty()) { // modes grow exponentially: in the logarithm
      const double a = before_[i];
      crossed_[i] =
          at - 1.0 +
          (a > 0.0 && kappa_ > 0.0 ? std::log(kappa_ / a) / std::log(now[i] / a)
                                   : (kappa_ - a) / (now[i] - a));
    }
  }
  before_ = now;
}

template <class Scalar>
CellSpectrumResult CellSpectrum<Scalar>::summary(const Matrix<Scalar>& best,
                                                 Index task,
                                                 const Matrix<Scalar>& target) {
  CellSpectrumResult out;
  const bool wanted = options_.values || options_.alignment || options_.crossings;
  if (!wanted || !best.allFinite()) {
    return out;
  }
  if (options_.values) {
    const auto& values = all_.compute(best);
    const double largest = values[0];
    out.operator_norm = largest;
    out.nuclear_norm = values.sum();
    out.active_modes = static_cast<double>((values.array() > kappa_).count());
    out.rank = static_cast<double>((values.array() > largest / 5.0).count());
    if (largest > 0.0) {
      out.stable_rank = (values / largest).squaredNorm();
      out.rank_margin = (values.array() / largest - 0.2).abs().minCoeff();
      double entropy = 0.0;
      for (const double value : values) {
        const double p = value / out.nuclear_norm;
        entropy -= p > 0.0 ? p * std::log(p) : 0.0;
      }
      out.effective_rank = std::exp(entropy);
    }
  }
  if (options_.alignment && !best.isZero(0.0)) {
    out.alignment =
        alignment(best.template cast<double>(), task, target.template cast<double>());
  }
  if (options_.crossings) {
    out.first_crossing = crossed_.front();
    out.last_crossing = crossed_.back();
    // Ordered values cross in order, but for rounding.
    for (const double step : crossed_) {
      out.first_crossing = std::fmin(out.first_crossing, step);
      out.last_crossing = std::isnan(step) ? kNaN : std::fmax(out.last_crossing, step);
    }
  }
  return out;
}

template <class Scalar>
double CellSpectrum<Scalar>::alignment(const Matrix<double>& best,
                                       Index task,
                                       const Matrix<double>& target) {
  const auto index = static_cast<std::size_t>(task);
  if (targets_.size() <= index) {
    targets_.resize(index + 1);
  }
  if (!targets_[index]) {
    TopTriplets triplets(d_out_, d_in_, options_.modes);
    triplets.compute(target);
    targets_[index] = std::make_unique<Modes>(Modes{triplets.U(), triplets.V()});
  }
  TopTriplets triplets(d_out_, d_in_, options_.modes);
  triplets.compute(best);
  double sum = 0.0;
  for (Index i = 0; i < options_.modes; ++i) {
    sum += std::abs(triplets.U().col(i).dot(targets_[index]->U.col(i)) *
                    triplets.V().col(i).dot(targets_[index]->V.col(i)));
  }
  return sum / static_cast<double>(options_.modes);
}

template class CellSpectrum<double>;
template class CellSpectrum<float>;

} // namespace linflow
