// Decompositions, compiled once for all their users (each costs ten seconds of compile
// time wherever an Eigen solver is instantiated).
#pragma once

#include "linflow/types.hpp"

#include <Eigen/Eigenvalues>

namespace linflow {

// Eigenvalues (ascending) and vectors of a symmetric matrix given by its lower
// triangle. A workspace: nothing is allocated after the first matrix of a size.
template <class Scalar> class SymmetricEigen {
public:
  explicit SymmetricEigen(Index n) : solver_(n) {}
  void values_only(const Matrix<Scalar>& lower);
  void compute(const Matrix<Scalar>& lower);
  [[nodiscard]] const Vector<Scalar>& values() const { return solver_.eigenvalues(); }
  [[nodiscard]] const Matrix<Scalar>& vectors() const { return solver_.eigenvectors(); }

private:
  Eigen::SelfAdjointEigenSolver<Matrix<Scalar>> solver_;
};

// Householder's QR: R in the upper triangle, something else below it.
template <class Scalar> Matrix<Scalar> triangularised(Matrix<Scalar> A);

// Q = (1 − Z Yᵀ) diag(signs), orthogonal, of few reflections: what is done with it
// costs a multiple of their number only. Empty where there are none.
template <class Scalar> struct Reflections {
  Matrix<Scalar> Y;
  Matrix<Scalar> Z;
  Vector<Scalar> signs; // of the first columns

  [[nodiscard]] bool empty() const { return Y.size() == 0; }
  [[nodiscard]] Matrix<Scalar> matrix() const;
  // A ← QA or A ← AQᵀ; `work` is at least as large as A.
  void from_left(Block<Scalar> A, Matrix<Scalar>& work) const;
  void transposed_from_right(Block<Scalar> A, Matrix<Scalar>& work) const;
  // A ← QᵀA or A ← AQ.
  void transposed_from_left(Block<Scalar> A, Matrix<Scalar>& work) const;
  void from_right(Block<Scalar> A, Matrix<Scalar>& work) const;
};
// The one whose first columns are these, which are orthonormal.
template <class Scalar> Reflections<Scalar> completed(const Matrix<Scalar>& columns);

// A = U diag(values) Vᵀ with square U (rows) and V (columns); values descend and have
// min(rows, columns) entries. Divide and conquer, checked, with Jacobi to fall back on.
template <class Scalar> struct SingularVectors {
  Matrix<Scalar> U;
  Vector<Scalar> values;
  Matrix<Scalar> V;
  Reflections<Scalar> left, right; // U and V, where the caller has made them so

  // Leading vectors that are singular ones; others only where these are made so.
  [[nodiscard]] Index leading() const {
    return left.empty() ? values.size() : left.Y.cols();
  }
  // UX, VX, and UᵀAU, VᵀAV, UᵀAV.
  [[nodiscard]] Matrix<Scalar> from_outputs(Matrix<Scalar> X) const;
  [[nodiscard]] Matrix<Scalar> from_inputs(Matrix<Scalar> X) const;
  [[nodiscard]] Matrix<Scalar> turned_outputs(Matrix<Scalar> A) const;
  [[nodiscard]] Matrix<Scalar> turned_inputs(Matrix<Scalar> A) const;
  [[nodiscard]] Matrix<Scalar> turned(Matrix<Scalar> A) const;
};
template <class Scalar>
SingularVectors<Scalar> singular_vectors(const Matrix<Scalar>& A);

// A direction that no symmetry makes orthogonal to anything.
template <class Scalar> Vector<Scalar> unbiased_direction(Index size);

// ‖M‖_op by power iteration from a kept direction (columns of M; `image`: its rows),
// from below; 5 % are added for iterations that end early.
template <class Scalar>
double operator_norm(const ConstBlock<Scalar>& M,
                     Vector<Scalar>& direction,
                     Vector<Scalar>& image);

} // namespace linflow
