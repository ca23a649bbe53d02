// Cholesky's factors and what is done with them, compiled once for all their users.
#pragma once

#include "linflow/products.hpp"

#include <Eigen/Cholesky>

namespace linflow {

// M = LLᵀ, symmetric and given by its lower triangle, in place.
template <class Scalar> class Cholesky {
public:
  // L takes the place of the lower triangle; M has to outlive this.
  explicit Cholesky(Block<Scalar> M);
  [[nodiscard]] bool positive_definite() const { return llt_.info() == Eigen::Success; }
  [[nodiscard]] Scalar rcond() const;  // an estimate, in the 1-norm
  void solve(Vector<Scalar>& b) const; // b ← M⁻¹b

private:
  Eigen::LLT<Block<Scalar>> llt_;
};

// By L, the lower triangle of a matrix whose upper one is not read. Eigen solves from
// the right in half the time.
template <class Scalar> // B ← L⁻¹B
void solve_left(const ConstBlock<Scalar>& L, Block<Scalar> B);
template <class Scalar> // B ← L⁻ᵀB
void solve_left_transposed(const ConstBlock<Scalar>& L, Block<Scalar> B);
template <class Scalar> // B ← BL⁻¹
void solve_right(const ConstBlock<Scalar>& L, Block<Scalar> B);
template <class Scalar> // B ← BL⁻ᵀ
void solve_right_transposed(const ConstBlock<Scalar>& L, Block<Scalar> B);

// L ← L⁻¹ for a lower triangular matrix whose upper triangle is zero.
template <class Scalar> void invert_lower(Block<Scalar> L);

} // namespace linflow
