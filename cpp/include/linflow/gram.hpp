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
#include "linflow/products.hpp"

namespace linflow {

template <class Scalar> class GramFlow final : public Flow<Scalar> {
public:
  // Needs cost.plain().
  explicit GramFlow(QuadraticCost<Scalar>& cost);

  // True for two layers of unit rates and scale with d_in + d_out hidden units or more.
  static bool fits(const LayerShape& shape);

  [[nodiscard]] Index size() const override {
    return d_out() * d_in() + d_in() * d_in() + d_out() * d_out();
  }
  [[nodiscard]] Index visible() const override { return d_out() * d_in(); }
  [[nodiscard]] Index d_out() const override { return cost_.d_out(); }
  [[nodiscard]] Index d_in() const override { return cost_.d_in(); }
  void slope(const VectorIn<Scalar>& y, VectorOut<Scalar> dy) override;
  // λ(C1) + λ(C2) + 2‖G‖.
  double radius_bound(const VectorIn<Scalar>& y) override;
  void product(const VectorIn<Scalar>& y, Matrix<Scalar>& A) override;
  Errors look(const VectorIn<Scalar>& y, Matrix<Scalar>& A) override;
  // min(‖P(0)‖, the larger of ‖G(0)‖ and ‖T‖).
  double reference(const VectorIn<Scalar>& y, const VectorIn<Scalar>& dy) override;
  bool at_rest(double level) override;

  // The state of the network X = W1ᵀ (d_in×r), Y = W2 (d_out×r).
  void
  pack(const ConstBlock<Scalar>& X, const ConstBlock<Scalar>& Y, Vector<Scalar>& y);
  // True when the flow from y, with errors per step of rtol times its motion, has a
  // wide margin to an indefinite P.
  bool keeps_positivity(const VectorIn<Scalar>& y, double rtol);
  // A network with n hidden units, [X; Y] lower triangular; false when P is not
  // positive definite.
  bool unpack(const VectorIn<Scalar>& y, Matrix<Scalar>& X, Matrix<Scalar>& Y);

private:
  using Map = Eigen::Map<const Matrix<Scalar>>;
  [[nodiscard]] Map A(const VectorIn<Scalar>& y) const {
    return {y.data(), d_out(), d_in()};
  }
  [[nodiscard]] Map C1(const VectorIn<Scalar>& y) const {
    return {y.data() + visible(), d_in(), d_in()};
  }
  [[nodiscard]] Map C2(const VectorIn<Scalar>& y) const {
    return {y.data() + visible() + d_in() * d_in(), d_out(), d_out()};
  }
  [[nodiscard]] Matrix<Scalar> lower(const VectorIn<Scalar>& y) const; // of P

  QuadraticCost<Scalar>& cost_;
  Matrix<Scalar> half_in_;  // TᵀT/2
  Matrix<Scalar> half_out_; // TTᵀ/2
  Matrix<Scalar> G_;
  Matrix<Scalar> H_;
  Matrix<Scalar> look_G_;
  Vector<Scalar> directions_[3]; // of C1, C2, G
  Vector<Scalar> images_[3];
};

} // namespace linflow
