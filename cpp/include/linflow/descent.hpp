// Gradient descent of the compressed two-layer network.
//
// With output map A = γ W2 W1, G = A − T and layer-wise rates η1, η2:
//     W1 ← W1 − η η1 γ W2ᵀG,   W2 ← W2 − η η2 γ G W1ᵀ,
// both from the old values. In X = W1ᵀ (d_in×r) and Y = W2 (d_out×r) that is three
// matrix products, G += γ Y Xᵀ; X' −= c1 Gᵀ Y; Y −= c2 G X, which run at the rate of
// the products alone when no temporary is made (bench/bench_descent.py).
#pragma once

#include "linflow/dynamics.hpp"

#include <vector>

namespace linflow {

struct StepSizes {
  double step_size = 0.0; // η
  double rate1 = 1.0;     // η1, input layer
  double rate2 = 1.0;     // η2, output layer
  double scale = 1.0;     // γ
};

// State and buffers of a run, made once and used for any number of networks of at most
// `units` hidden units. measure() looks at the present state, advance() makes one step;
// advance() needs the residual of measure().
template <class Scalar> class Descent final : public Dynamics<Scalar> {
public:
  Descent(Index d_out, Index d_in, Index units);

  // Buffers for the initial network, to be filled by the caller before measure().
  void begin(const Objective<Scalar>& objective, const StepSizes& sizes, Index units);
  [[nodiscard]] auto X() { return X_.leftCols(units_); }
  [[nodiscard]] auto Y() { return Y_.leftCols(units_); }

  // The network's memory itself: a large one should not exist twice. The run is over.
  [[nodiscard]] Matrix<Scalar> release_X() { return release(X_); }
  [[nodiscard]] Matrix<Scalar> release_Y() { return release(Y_); }

  Errors measure() override;
  void advance() override;

  // The learned output map A of the last measure(), right to rounding errors of its
  // own however small it is.
  void product(Matrix<Scalar>& out) const override;
  // Small maps take a product, which is not made at each step that is the best so far.
  [[nodiscard]] bool remembers() const override { return true; }
  void remember() override;
  bool remembered(Matrix<Scalar>& out) override;
  // X, then Y, of the last measure(), column by column.
  void append_weights(std::vector<Scalar>& out) const {
    out.insert(out.end(), X_.data(), X_.data() + X_.rows() * units_);
    out.insert(out.end(), Y_.data(), Y_.data() + Y_.rows() * units_);
  }

private:
  Matrix<Scalar> release(Matrix<Scalar>& factor) const {
    factor.conservativeResize(Eigen::NoChange, units_);
    return std::move(factor);
  }

  const Objective<Scalar>* objective_ = nullptr;
  StepSizes sizes_;
  Index units_ = 0;
  Matrix<Scalar> X_;
  Matrix<Scalar> Y_;
  Matrix<Scalar> next_X_;
  Matrix<Scalar> residual_;   // G
  Matrix<Scalar> remembered_; // G there
  bool moved_on_ = false;     // since
};

} // namespace linflow
