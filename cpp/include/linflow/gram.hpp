// The flow in Gram form: A = W2 W1, C1 = W1ᵀW1, C2 = W2W2ᵀ instead of weights.
//
// For two layers and the plain mean squared error (theory §3)
//     Ȧ = −(C2G + GC1),  Ċ1 = −(AᵀG + GᵀA),  Ċ2 = −(AGᵀ + GAᵀ),  G = A − T.
// With H = A − T/2 the last two are symmetric rank updates, AᵀG + GᵀA = 2HᵀH − TᵀT/2,
// so that a right-hand side costs half of the three products of factors with r = n =
// d_in + d_out hidden units, and looking at A costs nothing.
//
// P = [[C1, Aᵀ], [A, C2]] has to stay positive definite: a negative eigenvalue in a
// growing direction blows up. Factors cannot lose that; here the errors of all steps
// together have to stay below the least eigenvalue of the start.
#pragma once

#include "linflow/flow.hpp"
#include "linflow/linear_algebra.hpp"
#include "linflow/products.hpp"

#include <memory>

namespace linflow {

// The state's parts: C1 and C2 hold both triangles.
template <class Dense> struct GramBlocks {
  Eigen::Map<Dense> A;
  Eigen::Map<Dense> C1;
  Eigen::Map<Dense> C2;
};

template <class Scalar> class GramFlow final : public Flow<Scalar> {
public:
  // Needs cost.plain(). With a basis, cost and state are in these coordinates, UᵀAV,
  // and what product() and look() show is A.
  explicit GramFlow(QuadraticCost<Scalar>& cost,
                    std::shared_ptr<const SingularVectors<Scalar>> basis = nullptr);

  // True for two layers of unit rates and scale with d_in + d_out hidden units or more.
  static bool fits(const LayerShape& shape);
  // The same with max(d_in, d_out) hidden units or more: P is singular, but not where
  // modes grow.
  static bool fits_modes(const LayerShape& shape);

  [[nodiscard]] Index size() const override {
    return d_out() * d_in() + d_in() * d_in() + d_out() * d_out();
  }
  [[nodiscard]] Index visible() const override { return d_out() * d_in(); }
  [[nodiscard]] double target_size() const { return cost_.target_size(); }
  [[nodiscard]] const Matrix<Scalar>& target() const { return cost_.target(); }
  [[nodiscard]] Index d_out() const override { return cost_.d_out(); }
  [[nodiscard]] Index d_in() const override { return cost_.d_in(); }
  void slope(const VectorIn<Scalar>& y, VectorOut<Scalar> dy) override;
  // λ(C1) + λ(C2) + 2‖G‖.
  double radius_bound(const VectorIn<Scalar>& y) override;
  void product(const VectorIn<Scalar>& y, Matrix<Scalar>& A) override;
  Errors look(const VectorIn<Scalar>& y, Matrix<Scalar>& A) override;
  Errors errors(const VectorIn<Scalar>& y) override;
  // min(‖P(0)‖, the larger of ‖G(0)‖ and ‖T‖).
  double reference(const VectorIn<Scalar>& y, const VectorIn<Scalar>& dy) override;
  bool at_rest(double level) override;

  [[nodiscard]] GramBlocks<const Matrix<Scalar>>
  blocks(const VectorIn<Scalar>& y) const;
  [[nodiscard]] GramBlocks<Matrix<Scalar>> mutable_blocks(VectorOut<Scalar> y) const;
  // The state of the network X = W1ᵀ (d_in×r), Y = W2 (d_out×r).
  void
  pack(const ConstBlock<Scalar>& X, const ConstBlock<Scalar>& Y, Vector<Scalar>& y);
  // Of P, from above, but in the right order; 0 when P is not positive definite.
  [[nodiscard]] double least_eigenvalue(const VectorIn<Scalar>& y);
  // The least eigenvalue from which the flow, with errors per step of rtol times its
  // motion, has a wide margin to an indefinite P.
  [[nodiscard]] double safe_eigenvalue(double rtol) const;
  [[nodiscard]] bool keeps_positivity(double least_eigenvalue, double rtol) const {
    return least_eigenvalue >= safe_eigenvalue(rtol);
  }
  // The one that steps which err in proportion to P, but for rounding, ask for.
  [[nodiscard]] double accurate_eigenvalue(const VectorIn<Scalar>& y,
                                           double rtol) const;
  // A network with n hidden units, [X; Y] triangular; false when P is not positive
  // definite. With some slack, that of the nearest P that is semidefinite and of rank
  // `units` at most, unless an eigenvalue falls short by more than this part of the
  // largest.
  bool unpack(const VectorIn<Scalar>& y,
              double slack,
              Index units,
              Matrix<Scalar>& X,
              Matrix<Scalar>& Y);

private:
  [[nodiscard]] Matrix<Scalar> lower(const VectorIn<Scalar>& y) const; // of P

  QuadraticCost<Scalar>& cost_;
  std::shared_ptr<const SingularVectors<Scalar>> basis_;
  Matrix<Scalar> half_in_;  // TᵀT/2
  Matrix<Scalar> half_out_; // TTᵀ/2
  Matrix<Scalar> G_;
  Matrix<Scalar> H_;
  Vector<Scalar> directions_[3]; // of C1, C2, G
  Vector<Scalar> images_[3];
};

} // namespace linflow
