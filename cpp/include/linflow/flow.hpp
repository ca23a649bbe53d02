// Gradient flow: a system to integrate, and a run of it that is recorded.
#pragma once

#include "linflow/cost.hpp"
#include "linflow/integrators/integrator.hpp"
#include "linflow/layers.hpp"
#include "linflow/run.hpp"
#include "linflow/spectrum.hpp"

#include <string>
#include <vector>

namespace linflow {

// A flow in some form of its state: factors (here) or Gram matrices (gram.hpp).
template <class Scalar> class Flow : public System<Scalar> {
public:
  [[nodiscard]] virtual Index d_out() const = 0;
  [[nodiscard]] virtual Index d_in() const = 0;
  // The output map of a state.
  virtual void product(const VectorIn<Scalar>& y, Matrix<Scalar>& A) = 0;
  // The same, and its errors.
  virtual Errors look(const VectorIn<Scalar>& y, Matrix<Scalar>& A) = 0;
  // Size of the start that errors are relative to, from y(0) and f(y(0)) of the last
  // slope().
  virtual double reference(const VectorIn<Scalar>& y, const VectorIn<Scalar>& dy) = 0;
  // True where the last slope() found nothing left to learn but rounding.
  virtual bool at_rest() = 0;
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
  // min(‖y‖, s·r/‖∇C‖), r = √(2C), s the larger of r and √(2C(0)). Near a saddle the
  // first is the smaller. In the lazy regime, or with one large layer, the second is:
  // an error δy there moves A by (‖∇C‖/r)·δy, to be held against s.
  double reference(const VectorIn<Scalar>& y, const VectorIn<Scalar>& dy) override;
  bool at_rest() override;

private:
  Cost<Scalar>& cost_;
  Layers<Scalar> layers_;
  Matrix<Scalar> A_;
  Matrix<Scalar> G_;
  Matrix<Scalar> look_G_;
};

struct FlowOptions {
  IntegratorOptions integrator;
  double atol = kNaN;        // NaN: rtol times the reference size of the start
  std::vector<double> times; // save points, ascending; the run ends at the last
  Index top = 0;             // singular values per save point
  bool save_product = false;
  bool save_weights = false;
  bool land = false; // steps end at save points instead of being interpolated there
};

template <class Scalar> struct FlowRecord {
  std::vector<double> times;
  std::vector<double> train;
  std::vector<double> test;
  std::vector<double> singular_values; // top per save point
  std::vector<Scalar> product;         // d_out·d_in per save point, column-major
  std::vector<Scalar> weights;         // the state at save points
  Matrix<Scalar> last_product;
  Vector<Scalar> last_state;
  Status status = Status::pending;
  double time = 0.0; // reached
  double atol = 0.0; // used
  Index evaluations = 0;
  std::vector<Segment> segments;
};

// Integrates from `start` through all save points. Control is told the percentage of
// the span done. A cancelled run has status pending; a UserError ends it with status
// user_error at the last state that was reached.
template <class Scalar>
void run_flow(Flow<Scalar>& flow,
              const VectorIn<Scalar>& start,
              const FlowOptions& options,
              std::unique_ptr<Method<Scalar>> conserving,
              Control& control,
              FlowRecord<Scalar>& record);

} // namespace linflow
