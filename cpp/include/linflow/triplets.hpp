// The largest singular triplets of a matrix that changes little from call to call.
//
// Block subspace iteration (Golub, Van Loan, "Matrix Computations", §8.2.4) from the
// block of the call before, with Rayleigh–Ritz on both sides: from right vectors V,
//     A V = U Θ Y  (an SVD by its b×b Gram matrix),  V ← V Yᵀ,  Z = Aᵀ U,
// so that (Θ, U, V) are Ritz triplets with A v_i = θ_i u_i and residual r_i = z_i − θ_i
// v_i orthogonal to V. Hence the error in θ_i² is at most ‖θ_i r_i‖²/gap, with the gap
// to what the block leaves out, and a relative error of ‖r_i‖²/gap ≤ 1e-8 is what
// accepts them: it may be met long before the residual is small, and a small residual
// alone proves nothing. The SVD of Z is the block for the next call. Until they are
// accepted a polynomial filter (chebyshev_filter.hpp) stands between iterations, of the
// degree that the present error and gap ask for; where that would cost more than a full
// decomposition of the Gram matrix, this starts the block anew. The first call starts
// from a random block, and a count tells whether that missed anything.
//
// A block cannot see a direction that it has no part of. Its spare columns are stirred
// with a little noise, and every 16th accepted call counts the singular values above
// the last one (inertia.hpp): if any was missed, the calls since the last count are
// reported as doubtful.
#pragma once

#include "linflow/chebyshev_filter.hpp"
#include "linflow/inertia.hpp"
#include "linflow/linear_algebra.hpp"
#include "linflow/small_eigen.hpp"

#include <cstdint>

namespace linflow {

class TopTriplets {
public:
  enum class Source : std::int8_t {
    failed = -1,  // A is not finite: values are NaN, vectors of no meaning
    iterated = 0, // by the block, accepted
    full = 1,     // by a full decomposition
  };

  TopTriplets(Index rows, Index cols, Index top);

  // Brings the triplets to A. Values are right to max(1e-8 s_i, 1e-13 s_1), vectors to
  // about 1e-4 over their relative distance from other values.
  Source update(const Matrix<double>& A);
  // The same by a full decomposition, whatever was before: to about rounding.
  Source compute(const Matrix<double>& A);

  [[nodiscard]] Index top() const { return top_; }
  [[nodiscard]] auto values() const { return values_.head(top_); }
  [[nodiscard]] auto U() const { return U_.leftCols(top_); } // rows×top
  [[nodiscard]] auto V() const { return V_.leftCols(top_); } // cols×top
  // Calls before the last one that a count has found doubtful; 0 nearly always.
  [[nodiscard]] Index doubtful() const { return doubtful_; }
  [[nodiscard]] Index full_decompositions() const { return full_; }
  [[nodiscard]] Index iterations() const { return iterations_; }

private:
  void iterate(const Matrix<double>& A);
  void orthonormalise(Matrix<double>& W, Matrix<double>& out);
  [[nodiscard]] double error_bound(double outside) const;
  void decompose(const Matrix<double>& A);
  bool complete(const Matrix<double>& A);
  bool converge(const Matrix<double>& A);
  bool sharpen(const Matrix<double>& A, double bound, double cut, int& spent);
  void start_anywhere();
  void predict();
  bool newcomer();
  void stir();
  double random();

  Index top_;
  Index block_;
  bool always_full_;
  bool started_ = false;
  bool has_previous_ = false;
  bool has_motion_ = false;
  Index accepted_ = 0; // since the last count
  Index doubtful_ = 0;
  Index full_ = 0;
  Index iterations_ = 0;
  double outside_ =
      0.0; // the largest value that the block leaves out, after decompose()
  std::uint64_t state_ = 0x9E3779B97F4A7C15U;
  Matrix<double> U_;
  Matrix<double> V_;
  Matrix<double> previous_;
  Matrix<double> motion_; // previousᵀ V
  Matrix<double> W_;
  Matrix<double> Z_;
  Matrix<double> Y_;
  Vector<double> theta_;
  Vector<double> residual_;
  Vector<double> values_;
  SmallEigen small_;
  ChebyshevFilter filter_;
  Inertia inertia_;
  SingularValues all_;
  Matrix<double> gram_;
  SymmetricEigen<double> gram_eigen_;
};

} // namespace linflow
