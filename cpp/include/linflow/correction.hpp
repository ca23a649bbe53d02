// What a network in Gram form does beside the Riccati flow of two levels:
//     Ċ1 = C1² − AᵀA + λC1 − μI,   Ċ2 = C2² − AAᵀ − λC2 − μI,   A at rest
// (splitting.hpp), by the classical Runge-Kutta method of order 4 in one step.
#pragma once

#include "linflow/gram.hpp"
#include "linflow/levels.hpp"

namespace linflow {

template <class Scalar> class Correction {
public:
  Correction(const GramFlow<Scalar>& flow, const Levels<Scalar>& levels)
      : flow_(flow), lam_(levels.lam), mu_(levels.mu) {}

  // y ← the state after `time`.
  void apply(double time, Vector<Scalar>& y);
  // The same from one state at several times: what they share, then each. The state is
  // the caller's, and stays.
  void begin(const Vector<Scalar>& start);
  void from_start(double time, Vector<Scalar>& y);
  // Of C1 and C2 at the start; 0 for A.
  [[nodiscard]] const Vector<Scalar>& slope() const { return slope_; }

private:
  // AᵀA + μ and AAᵀ + μ, lower triangles.
  void
  sources(const ConstBlock<Scalar>& A, Matrix<Scalar>& K11, Matrix<Scalar>& K22) const;
  void
  step(double time, Scalar lam, const Matrix<Scalar>& K, Eigen::Map<Matrix<Scalar>> C);

  const GramFlow<Scalar>& flow_;
  Scalar lam_, mu_;
  const Vector<Scalar>* start_ = nullptr;
  Vector<Scalar> slope_;
  Matrix<Scalar> start_k11_, start_k22_;
  Matrix<Scalar> k11_, k22_, slope_of_, stage_, sum_;
};

} // namespace linflow
