// The words that every other header uses: dense matrices, indices and run statuses.
#pragma once

#include <Eigen/Core>

#include <cstdint>
#include <limits>

namespace linflow {

using Index = Eigen::Index;

// Column-major throughout: the fused step (descent.hpp) and LAPACK-like kernels of
// Eigen are fastest so.
template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
template <class Scalar> using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

// Matrices and blocks of their columns, vectors and parts of them, as arguments. The
// strides that Eigen::Ref works out by itself have no name that all compilers agree on
// in a template.
template <class Scalar>
using ConstBlock = Eigen::Ref<const Matrix<Scalar>, 0, Eigen::OuterStride<>>;
template <class Scalar>
using Block = Eigen::Ref<Matrix<Scalar>, 0, Eigen::OuterStride<>>;
template <class Scalar>
using VectorIn = Eigen::Ref<const Vector<Scalar>, 0, Eigen::InnerStride<1>>;
template <class Scalar>
using VectorOut = Eigen::Ref<Vector<Scalar>, 0, Eigen::InnerStride<1>>;

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Why a run ended. Zero: not run (to its end); positive: a rule was met; negative: it
// failed. The same numbers stand in linflow.Status and in every data set.
enum class Status : std::int8_t {
  pending = 0,
  reached_end = 1,
  train_below = 2,
  train_stalled = 3,
  test_rising = 4,
  event = 5,
  diverged = -1,
  step_underflow = -2,
  user_error = -3,
  process_lost = -4,
};

// Train and test error of one state; test is NaN when the truth is not known.
struct Errors {
  double train = kNaN;
  double test = kNaN;
};

} // namespace linflow
