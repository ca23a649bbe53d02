// The two faces of any dynamics of the learned matrix: step by step, and at any time.
#pragma once

#include "linflow/objective.hpp"
#include "linflow/products.hpp"

#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace linflow {

// Stepped: measure() looks at the present state, advance() goes one step on and needs
// what measure() left.
template <class Scalar> class Dynamics {
public:
  Dynamics() = default;
  Dynamics(const Dynamics&) = delete;
  Dynamics& operator=(const Dynamics&) = delete;
  virtual ~Dynamics() = default;

  virtual Errors measure() = 0;
  virtual void advance() = 0;
  // The learned matrix A of the last measure().
  virtual void product(Matrix<Scalar>& out) const = 0;
  // A up to orthogonal frames on both sides, where that costs less: enough for norms
  // and singular values.
  virtual void coordinates(Matrix<Scalar>& out) const { product(out); }
  // For dynamics in which A costs more than its errors: remember() keeps the last
  // measured step, the one kept last is what remembered() gives; false where that takes
  // the weights there, so that the run has to be made again up to it.
  [[nodiscard]] virtual bool remembers() const { return false; }
  virtual void remember() {}
  virtual bool remembered(Matrix<Scalar>& /*out*/) { return true; }
  // For dynamics whose measure() interpolates: looks at a run's best and last steps. If
  // that told it anything new it returns false and stands at step 0, to be run again.
  virtual bool confirm(Index /*best*/, Index /*last*/) { return true; }
};

// left·M·right
template <class Scalar>
Matrix<Scalar> rotate(const Matrix<Scalar>& left,
                      const Matrix<Scalar>& M,
                      const Matrix<Scalar>& right) {
  Matrix<Scalar> half = Matrix<Scalar>::Zero(left.rows(), M.cols());
  add_product<Scalar>(Scalar(1), left, M, half);
  Matrix<Scalar> out = Matrix<Scalar>::Zero(left.rows(), right.cols());
  add_product<Scalar>(Scalar(1), half, right, out);
  return out;
}

// An objective for Â, A = left·Â·rightᵀ with orthogonal frames.
template <class Scalar>
Objective<Scalar> in_frames(const Objective<Scalar>& objective,
                            const Matrix<Scalar>& left,
                            const Matrix<Scalar>& right) {
  const auto turn = [&](const Matrix<Scalar>& M) {
    return rotate<Scalar>(left.transpose(), M, right);
  };
  std::optional<Matrix<Scalar>> noise;
  if (objective.has_truth()) {
    noise = turn(objective.noise());
  }
  return Objective<Scalar>(turn(objective.target()), std::move(noise));
}

// Solved: A at any time t >= 0, infinity included, in the coordinates in which it is
// cheapest: A = left·Â·rightᵀ with orthogonal frames. Norms, errors and singular values
// need no more than Â. An evaluator holds the buffers of one thread and reads the
// solution, which must outlive it.
template <class Scalar> class Solution {
public:
  class Evaluator {
  public:
    Evaluator() = default;
    Evaluator(const Evaluator&) = delete;
    Evaluator& operator=(const Evaluator&) = delete;
    virtual ~Evaluator() = default;
    virtual void coordinates(double time, Matrix<Scalar>& out) = 0;
    // A later time up to which they are smooth, but for errors of the solution.
    virtual double smooth_until(double /*time*/) {
      return std::numeric_limits<double>::infinity();
    }
    // The same with C1 and C2 themselves, not in coordinates; only of solutions that
    // determine them.
    virtual void grams(double /*time*/,
                       Matrix<Scalar>& /*coordinates*/,
                       Matrix<Scalar>& /*input_gram*/,
                       Matrix<Scalar>& /*output_gram*/) {
      throw std::logic_error("this solution has no Gram matrices of its own");
    }
  };

  Solution() = default;
  Solution(const Solution&) = delete;
  Solution& operator=(const Solution&) = delete;
  virtual ~Solution() = default;
  [[nodiscard]] virtual std::unique_ptr<Evaluator> evaluator() const = 0;
  [[nodiscard]] virtual const Matrix<Scalar>& left() const = 0;  // d_out × d_out
  [[nodiscard]] virtual const Matrix<Scalar>& right() const = 0; // d_in × d_in

  // The objective in these coordinates.
  [[nodiscard]] Objective<Scalar>
  coordinates(const Objective<Scalar>& objective) const {
    return in_frames(objective, left(), right());
  }

  // A from its coordinates.
  void product(const Matrix<Scalar>& coordinates, Matrix<Scalar>& out) const {
    out = rotate<Scalar>(left(), coordinates, right().transpose());
  }
};

// A solution looked at on the virtual steps t = η·step, so that the stop rules of
// descent apply to it.
template <class Scalar> class VirtualSteps final : public Dynamics<Scalar> {
public:
  VirtualSteps(const Solution<Scalar>& solution,
               const Objective<Scalar>& objective,
               double step_size)
      : solution_(&solution), objective_(solution.coordinates(objective)),
        evaluator_(solution.evaluator()), step_size_(step_size),
        coordinates_(objective.d_out(), objective.d_in()),
        residual_(objective.d_out(), objective.d_in()) {}

  Errors measure() override {
    evaluator_->coordinates(step_size_ * static_cast<double>(step_), coordinates_);
    residual_ = coordinates_ - objective_.target();
    return objective_.errors(residual_);
  }
  void advance() override { ++step_; }
  void product(Matrix<Scalar>& out) const override {
    solution_->product(coordinates_, out);
  }
  void coordinates(Matrix<Scalar>& out) const override { out = coordinates_; }

private:
  const Solution<Scalar>* solution_;
  Objective<Scalar> objective_;
  std::unique_ptr<typename Solution<Scalar>::Evaluator> evaluator_;
  double step_size_;
  Index step_ = 0;
  Matrix<Scalar> coordinates_;
  Matrix<Scalar> residual_;
};

} // namespace linflow
