// Gradient flow as a system to integrate; flow_run.hpp runs and records it.
#pragma once

#include "linflow/cost.hpp"
#include "linflow/integrators/integrator.hpp"
#include "linflow/layers.hpp"

namespace linflow {

// A flow in some form of its state: factors (here) or Gram matrices (gram.hpp).
template <class Scalar> class Flow : public System<Scalar> {
public:
  [[nodiscard]] virtual Index d_out() const = 0;
  [[nodiscard]] virtual Index d_in() const = 0;
  // Leading entries of the state that product() and look() read; they take states cut
  // off there.
  [[nodiscard]] virtual Index visible() const { return this->size(); }
  // The output map of a state.
  virtual void product(const VectorIn<Scalar>& y, Matrix<Scalar>& A) = 0;
  // The same, and its errors.
  virtual Errors look(const VectorIn<Scalar>& y, Matrix<Scalar>& A) = 0;
  // Its errors alone.
  virtual Errors errors(const VectorIn<Scalar>& y) = 0;
  // Size of the start that errors are relative to, from y(0) and f(y(0)) of the last
  // slope().
  virtual double reference(const VectorIn<Scalar>& y, const VectorIn<Scalar>& dy) = 0;
  // True where the last slope() found no more left to learn than `level` of all.
  virtual bool at_rest(double level) = 0;
};

template <class Scalar> class FactorFlow final : public Flow<Scalar> {
public:
  FactorFlow(Cost<Scalar>& cost, LayerShape shape);

  [[nodiscard]] Index size() const override { return layers_.size(); }
  [[nodiscard]] Index d_out() const override { return layers_.d_out(); }
  [[nodiscard]] Index d_in() const override { return layers_.d_in(); }
  void slope(const VectorIn<Scalar>& y, VectorOut<Scalar> dy) override;
  double radius_bound(const VectorIn<Scalar>& y) override;
  void product(const VectorIn<Scalar>& y, Matrix<Scalar>& A) override {
    layers_.product(y, A);
  }
  Errors look(const VectorIn<Scalar>& y, Matrix<Scalar>& A) override;
  Errors errors(const VectorIn<Scalar>& y) override { return look(y, look_A_); }
  // min(‖y‖, s·r/‖∇C‖), r = √(2C), s the larger of r and √(2C(0)). Near a saddle the
  // first is the smaller. In the lazy regime, or with one large layer, the second is:
  // an error δy there moves A by (‖∇C‖/r)·δy, to be held against s.
  double reference(const VectorIn<Scalar>& y, const VectorIn<Scalar>& dy) override;
  bool at_rest(double level) override;

private:
  Cost<Scalar>& cost_;
  Layers<Scalar> layers_;
  Matrix<Scalar> A_;
  Matrix<Scalar> G_;
  Matrix<Scalar> look_A_;
  Matrix<Scalar> look_G_;
};

// The state of two layers, from X = W1ᵀ and Y = W2.
template <class Scalar>
Vector<Scalar> pack_factors(const Matrix<Scalar>& X, const Matrix<Scalar>& Y);

} // namespace linflow
