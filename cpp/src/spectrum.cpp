#include "linflow/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace linflow {
namespace {

void append(std::vector<double>& to, const double* from, Index count) {
  to.insert(to.end(), from, from + count);
}

} // namespace

template <class Scalar>
void Spectrum<Scalar>::singular_values(const Matrix<Scalar>& A, VectorOut<double> top) {
  if (top.size() > all_.values().size()) {
    throw std::invalid_argument("singular_values: top does not fit the workspace");
  }
  if (!A.allFinite()) {
    top.setConstant(kNaN);
    return;
  }
  top = all_.compute(A).head(top.size());
}

template <class Scalar>
RankSummary Spectrum<Scalar>::rank_summary(const Matrix<Scalar>& A) {
  if (!A.allFinite()) {
    return {};
  }
  const auto& values = all_.compute(A);
  const double largest = values[0];
  if (largest == 0.0) {
    return {0.0, kNaN};
  }
  return {static_cast<double>((values.array() > largest / 5.0).count()),
          (values / largest).squaredNorm()};
}

template <class Scalar>
SpectrumObserver<Scalar>::SpectrumObserver(Index d_out,
                                           Index d_in,
                                           SpectrumOptions options)
    : options_(std::move(options)),
      want_counts_(!options_.levels.empty() || !std::isnan(options_.relative)),
      wide_(d_out, d_in) {
  const Index most = std::min(d_out, d_in);
  if (options_.top > most) {
    throw std::invalid_argument("spectrum: top must be at most min(d_out, d_in)");
  }
  if (options_.target_U.has_value() != options_.target_V.has_value() ||
      (options_.target_U &&
       (options_.target_U->rows() != d_out || options_.target_V->rows() != d_in ||
        options_.target_U->cols() != options_.target_V->cols()))) {
    throw std::invalid_argument("spectrum: the target's vectors do not fit");
  }
  const bool vectors = options_.follow || options_.target_U;
  const bool few = 3 * std::max(2 * options_.top, options_.top + 4) <= 2 * most;
  const bool largest = options_.norms || !std::isnan(options_.relative);
  const bool values = options_.top > 0 || largest;
  if (options_.all || (values && !few)) {
    all_ = std::make_unique<SingularValues>(d_out, d_in);
  }
  if ((values && !all_) || vectors) {
    triplets_ =
        std::make_unique<TopTriplets>(d_out, d_in, std::max<Index>(options_.top, 1));
  }
  if (options_.follow) {
    tracker_ = std::make_unique<ModeTracker>(d_out, d_in, triplets_->top());
  }
  if (want_counts_ && !all_) {
    inertia_ = std::make_unique<Inertia>(d_out, d_in);
  }
  values_.resize(std::max<Index>(options_.top, 1));
  counts_.resize(options_.levels.size() + 1);
}

template <class Scalar>
void SpectrumObserver<Scalar>::look(const Matrix<Scalar>& A, SpectrumRecord& record) {
  wide_ = A.template cast<double>();
  bool finite = true;
  if (all_) {
    finite = wide_.allFinite();
    if (finite) {
      values_ = all_->compute(wide_).head(values_.size());
    } else {
      values_.setConstant(kNaN);
    }
  }
  if (triplets_) {
    finite = triplets_->update(wide_) != TopTriplets::Source::failed;
    if (!all_ || !finite) {
      values_ = triplets_->values();
    }
    const auto points = static_cast<Index>(record.converged.size());
    for (Index i = 0; i < std::min(triplets_->doubtful(), points); ++i) {
      record.converged[static_cast<std::size_t>(points - 1 - i)] = 0.0;
    }
    record.full_decompositions = triplets_->full_decompositions();
  } else if (!all_ && inertia_) {
    finite = wide_.allFinite();
  }
  record.converged.push_back(finite ? 1.0 : 0.0);
  look_at_modes(record, finite);
  if (options_.norms) {
    record.frobenius.push_back(finite ? wide_.stableNorm() : kNaN);
    record.operator_norm.push_back(values_[0]);
  }
  if (options_.all) {
    // Effective rank: exp of the entropy of s_i/Σs (Roy, Vetterli, EUSIPCO 2007).
    // In units of the largest value, where the sum does not overflow.
    const double unit = finite && all_->values()[0] > 0.0 ? all_->values()[0] : 1.0;
    const double sum = finite ? (all_->values() / unit).sum() : kNaN;
    record.nuclear_norm.push_back(unit * sum);
    double entropy = finite ? 0.0 : kNaN;
    for (Index i = 0; finite && i < all_->values().size(); ++i) {
      const double p = all_->values()[i] / unit / sum;
      entropy -= p > 0.0 ? p * std::log(p) : 0.0;
    }
    record.effective_rank.push_back(sum > 0.0 ? std::exp(entropy) : kNaN * sum);
  }
  if (want_counts_) {
    count(wide_, values_[0], record);
  }
}

template <class Scalar>
void SpectrumObserver<Scalar>::look_at_modes(SpectrumRecord& record, bool finite) {
  if (tracker_) {
    // The values by size are at least as good as those of the triplets.
    tracker_->update(values_, triplets_->U(), triplets_->V());
    append(record.singular_values, tracker_->values().data(), options_.top);
    append(record.overlap, tracker_->overlap().data(), options_.top);
    append(record.cluster, tracker_->cluster().data(), options_.top);
  } else {
    append(record.singular_values, values_.data(), options_.top);
  }
  if (!options_.target_U) {
    return;
  }
  const Index targets = options_.target_U->cols();
  const auto compare = [&](const ConstBlock<double>& vectors,
                           const Matrix<double>& target,
                           std::vector<double>& out) {
    // Targets × top, column-major: top × targets as a C array.
    Matrix<double> overlaps = Matrix<double>::Zero(targets, options_.top);
    add_product_tn<double>(1.0, target, vectors.leftCols(options_.top), overlaps);
    overlaps = finite ? Matrix<double>(overlaps.cwiseAbs())
                      : Matrix<double>::Constant(targets, options_.top, kNaN);
    append(out, overlaps.data(), overlaps.size());
  };
  if (tracker_) {
    compare(tracker_->U(), *options_.target_U, record.left);
    compare(tracker_->V(), *options_.target_V, record.right);
  } else {
    compare(triplets_->U(), *options_.target_U, record.left);
    compare(triplets_->V(), *options_.target_V, record.right);
  }
}

template <class Scalar>
void SpectrumObserver<Scalar>::count(const Matrix<double>& A,
                                     double largest,
                                     SpectrumRecord& record) {
  thresholds_ = options_.levels;
  const bool relative = !std::isnan(options_.relative);
  if (relative) {
    thresholds_.push_back(options_.relative * largest);
  }
  const bool finite = record.converged.back() != 0.0;
  counts_.resize(thresholds_.size());
  if (finite && all_) {
    for (std::size_t i = 0; i < thresholds_.size(); ++i) {
      counts_[i] =
          static_cast<Index>((all_->values().array() > thresholds_[i]).count());
    }
  } else if (finite) {
    inertia_->count_above(A, thresholds_, counts_);
  }
  for (std::size_t i = 0; i < thresholds_.size(); ++i) {
    const double value = finite ? static_cast<double>(counts_[i]) : kNaN;
    auto& out =
        i < options_.levels.size() ? record.count_levels : record.count_relative;
    out.push_back(value);
  }
}

template class Spectrum<double>;
template class Spectrum<float>;
template class SpectrumObserver<double>;
template class SpectrumObserver<float>;

} // namespace linflow
