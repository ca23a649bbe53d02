// Gradient flow of several small networks at once, one to a vector lane, in fixed
// steps: the classical Runge–Kutta method of order 4. (Euler's steps are those of
// descent.)
//
// A step takes four times what a step of descent does. Column of blocks by column of
// blocks each stage goes from its weights and residual to those of the next.
#pragma once

#include "linflow/batched_descent.hpp"

namespace linflow {

template <class Scalar> class BatchedFlow final : public BatchedDescent<Scalar> {
public:
  // For networks of at most `units` hidden units.
  BatchedFlow(Index d_out, Index d_in, Index units);

  void advance() override;

private:
  using Base = BatchedDescent<Scalar>;
  enum class Stage { first, middle, last };

  template <int B> void find_residual();
  template <int B, Stage stage> void go_on(Scalar next, Scalar weight);

  typename Base::Packs stage_X_; // laid out as X_
  typename Base::Packs stage_Y_;
  Index stage_first_ = 0;
  typename Base::Packs sum_X_; // the weights at the end of the step, so far
  typename Base::Packs sum_Y_;
};

} // namespace linflow
