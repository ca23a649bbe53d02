// What is seen of the spectrum of the learned matrix A, point by point along a run.
#pragma once

#include "linflow/tracking.hpp"

#include <cmath>
#include <memory>
#include <optional>

namespace linflow {

// Summary of a spectrum, as in [TAJ] figure 2.
struct RankSummary {
  double rank = kNaN;        // number of singular values > s_1/5
  double stable_rank = kNaN; // ‖A‖_F²/‖A‖_op²
};

// All singular values, for one shape. Each is right to a few ε of the largest.
template <class Scalar> class Spectrum {
public:
  Spectrum(Index d_out, Index d_in) : all_(d_out, d_in) {}

  // The `top` largest singular values, descending. A that is not finite gives NaN.
  void singular_values(const Matrix<Scalar>& A, VectorOut<double> top);
  RankSummary rank_summary(const Matrix<Scalar>& A);

private:
  SingularValues all_;
};

// What to look at.
struct SpectrumOptions {
  Index top = 0;              // singular values that are recorded
  bool follow = false;        // as modes (tracking.hpp), not by size
  bool norms = false;         // Frobenius and operator norm
  bool all = false;           // nuclear norm and effective rank, which need all values
  double relative = kNaN;     // count the values above this part of the largest …
  std::vector<double> levels; // … and above each of these
  // Columns: singular vectors of the target to compare with.
  std::optional<Matrix<double>> target_U;
  std::optional<Matrix<double>> target_V;

  // Whether anything is to be looked at.
  [[nodiscard]] bool asks() const {
    return top > 0 || norms || all || !levels.empty() || !std::isnan(relative);
  }
};

// One entry (or as many as the comment says) per look.
struct SpectrumRecord {
  std::vector<double> singular_values; // top
  std::vector<double> converged;       // 1, or 0 where the values are in doubt
  std::vector<double> overlap;         // top, when followed
  std::vector<double> cluster;         // top, when followed
  std::vector<double> left;            // top × targets, |u_iᵀu*_j|
  std::vector<double> right;           // top × targets, |v_iᵀv*_j|
  std::vector<double> count_relative;
  std::vector<double> count_levels; // levels
  std::vector<double> frobenius;
  std::vector<double> operator_norm;
  std::vector<double> nuclear_norm;
  std::vector<double> effective_rank;
  Index full_decompositions = 0;
};

// Chooses the cheapest of three ways that gives what is asked for: the block iteration
// for few values or any vectors, inertia for counts, all values.
template <class Scalar> class SpectrumObserver {
public:
  SpectrumObserver(Index d_out, Index d_in, SpectrumOptions options);

  // Looks at A. A that is not finite gives NaN everywhere and is not converged.
  void look(const Matrix<Scalar>& A, SpectrumRecord& record);

private:
  void look_at_modes(SpectrumRecord& record, bool finite);
  void count(const Matrix<double>& A, double largest, SpectrumRecord& record);

  SpectrumOptions options_;
  bool want_counts_;
  Matrix<double> wide_; // A in float64
  Vector<double> values_;
  std::vector<double> thresholds_;
  std::vector<Index> counts_;
  std::unique_ptr<TopTriplets> triplets_;
  std::unique_ptr<ModeTracker> tracker_;
  std::unique_ptr<SingularValues> all_;
  std::unique_ptr<Inertia> inertia_;
};

} // namespace linflow
