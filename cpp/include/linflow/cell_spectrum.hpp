// What an ensemble keeps of the spectrum along each of its runs.
#pragma once

#include "linflow/spectrum.hpp"

#include <memory>
#include <span>
#include <vector>

namespace linflow {

struct CellSpectrumOptions {
  Index modes = 0;        // signal modes, for the two below
  bool alignment = false; // with the target's modes; one decomposition per run
  bool crossings = false; // of κ; the largest values at every step
  bool values = true;     // all values, for what is not the two ranks
};

// At the best step, apart from the crossings.
struct CellSpectrumResult {
  double rank = kNaN;
  double rank_margin = kNaN; // least |s_i − s_1/5|/s_1
  double stable_rank = kNaN;
  double active_modes = kNaN;   // singular values > κ
  double effective_rank = kNaN; // exp of the entropy of s_i/Σs
  double nuclear_norm = kNaN;
  double operator_norm = kNaN;
  double alignment = kNaN;      // mean over the signal modes of |u_iᵀu*_i||v_iᵀv*_i|
  double first_crossing = kNaN; // step at which the first of the signal values …
  double last_crossing = kNaN;  // … and all of them have come to exceed κ
};

// Made once per thread, for cells of one shape.
template <class Scalar> class CellSpectrum {
public:
  CellSpectrum(Index d_out, Index d_in, const CellSpectrumOptions& options);

  void begin(double kappa);
  // To be called at every step when wants_steps().
  [[nodiscard]] bool wants_steps() const { return options_.crossings; }
  void step(Index step, const Matrix<Scalar>& A);
  // Without `values` the ranks are left open, too.
  [[nodiscard]] CellSpectrumResult
  summary(const Matrix<Scalar>& best, Index task, const Matrix<Scalar>& target);

private:
  struct Modes {
    Matrix<double> U;
    Matrix<double> V;
  };
  [[nodiscard]] double
  alignment(const Matrix<double>& best, Index task, const Matrix<double>& target);

  CellSpectrumOptions options_;
  Index d_out_;
  Index d_in_;
  double kappa_ = kNaN;
  SingularValues all_;
  SpectrumRecord seen_;
  std::unique_ptr<SpectrumObserver<Scalar>> observer_;
  std::vector<double> before_; // values at the step before
  std::vector<double> crossed_;
  std::vector<std::unique_ptr<Modes>> targets_; // by task
};

} // namespace linflow
