// The constant-coefficient matrix Riccati equation behind every closed form
// (theory.md section 4; [TAJ] eq. 1, [DAP] theorem 3, [XZ], Fukumizu 1998):
//     P' = F P + P F - P^2 + mu I,   F = [[-lam/2 I, T^T], [T, +lam/2 I]],
// P = Q Q^T = [[C1, A^T], [A, C2]]. This file holds what depends on (T, lam, mu) alone:
// one SVD T = U S V^T. In the singular basis F falls into 2x2 blocks
// [[-lam/2, s], [s, lam/2]] with eigenvalues +-l, l = sqrt(s^2 + lam^2/4), and into
// 1x1 blocks -lam/2 (further inputs) and +lam/2 (further outputs).
//
// Functions of time, R = sqrt(F^2 + mu) (diagonal in the *singular* basis):
//     N = R coth(tR),   h = R / sinh(tR),   N^2 - h^2 = R^2.
// Two exact forms of the solution, see riccati_start.hpp:
//   residual   P(t) = N + F - h K^{-1} h,   K = P(0) + N - F,
//              off-diagonal block: A(t) - T = -h (K^{-1})_21 h, carried by itself;
//   graded     P(t) = mu W + D M D,  M = Y (I + Y^T Y)^{-1} Y^T,  Y = sqrt(W) O^T Q(0),
//              W = (N - F)^{-1}, D = h sqrt(W), diagonal in the eigenbasis O of F.
// (W = Phi/g and D = b / sqrt(Phi/g) in the letters of theory.md.)
#pragma once

#include "linflow/linear_algebra.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace linflow {

// N, h and their kin at one time. Entry i < modes belongs to singular pair i, the last
// one to all further inputs and outputs (R = kappa there).
template <class S> struct RiccatiRates {
  S time = 0;
  Vector<S> N, h, sech, rtanh;
  // One entry per eigenvector of F, levels descending:
  Vector<S> log_weight; // log sqrt(W): finite for every t, differences are exact enough
  Vector<S> decay;      // D
  Vector<S> source;     // mu W

  void resize(Index modes, Index n);
};

// The decomposition of a target, to be shared by all flows towards it. Singular values
// below n eps of the first become zero, and values that agree to 8 eps of the first are
// made equal: at t = infinity a difference would decide. Throws std::invalid_argument
// for an empty or non-finite target.
template <class S>
std::shared_ptr<const SingularVectors<S>> riccati_basis(const Matrix<S>& target);

// Leading singular vectors and what completes them to a basis in few reflections, in
// which T is not diagonal: where the values fall by half or more between one of the
// first eighth and the next; else the basis itself.
template <class S>
std::shared_ptr<const SingularVectors<S>>
leading_basis(std::shared_ptr<const SingularVectors<S>> basis);

// Both, once they are asked for: what is shared by all runs of one task. Any thread.
template <class S> class TargetBasis {
public:
  std::shared_ptr<const SingularVectors<S>> of(const Matrix<S>& target) {
    std::call_once(once_, [&] { basis_ = riccati_basis<S>(target); });
    return basis_;
  }
  std::shared_ptr<const SingularVectors<S>> leading(const Matrix<S>& target) {
    const auto basis = of(target);
    std::call_once(leading_once_, [&] { leading_ = leading_basis<S>(basis); });
    return leading_;
  }

private:
  std::once_flag once_, leading_once_;
  std::shared_ptr<const SingularVectors<S>> basis_, leading_;
};

template <class S> class Riccati {
public:
  // Throws std::invalid_argument for levels that are not finite or mu < 0.
  Riccati(std::shared_ptr<const SingularVectors<S>> basis, S lam, S mu);
  Riccati(const Matrix<S>& target, S lam, S mu)
      : Riccati(riccati_basis<S>(target), lam, mu) {}

  Index d_in() const { return V().rows(); }
  Index d_out() const { return U().rows(); }
  Index size() const { return d_in() + d_out(); }
  Index modes() const { return sigma().size(); }
  S lam() const { return lam_; }
  S mu() const { return mu_; }
  const Matrix<S>& U() const { return basis_->U; }
  const Matrix<S>& V() const { return basis_->V; }
  const Vector<S>& sigma() const { return basis_->values; }
  const Vector<S>& level() const { return level_; } // eigenvalues of F, descending
  S speed() const { return speed_; }                // max R

  // Time may be infinite.
  void rates(S time, RiccatiRates<S>& out) const;

  // Singular basis (x = V^T W1^T, y = U^T W2) to rows in the eigenbasis and back.
  void to_eigen(const Matrix<S>& x, const Matrix<S>& y, Matrix<S>& rows) const;
  void from_eigen(const Matrix<S>& rows, Matrix<S>& x, Matrix<S>& y) const;
  // As to_eigen with |O|: what rounding errors of the rows are measured by.
  void to_eigen_abs(const Matrix<S>& x, const Matrix<S>& y, Matrix<S>& rows) const;
  // Blocks of mu W = O diag(source) O^T: diagonals of inputs and outputs, and of the
  // off-diagonal block.
  void source_blocks(const Vector<S>& source,
                     Vector<S>& inputs,
                     Vector<S>& outputs,
                     Vector<S>& cross) const;

private:
  S lam_, mu_, speed_ = 0;
  std::shared_ptr<const SingularVectors<S>> basis_;
  Vector<S> level_, rate_;              // rate_: R per mode, then kappa
  Vector<S> cos_, sin_;                 // + eigenvector of mode i: (cos, sin) on (v, u)
  std::vector<Index> plus_, minus_;     // row of each mode's eigenvectors
  std::vector<Index> inputs_, outputs_; // rows of further inputs and outputs
  std::vector<Index> mode_;             // row -> entry of rate_
};

} // namespace linflow
