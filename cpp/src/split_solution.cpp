#include "linflow/split_solution.hpp"

#include "linflow/splitting.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace linflow {
namespace {

// Looks that it takes to find where a run ends and is best (located_steps.hpp).
constexpr double kLooks = 45.0;

// Beyond it steps are far shorter than the plan's: errors limit them, not growth.
constexpr double kFinest = 1.3;

template <class Scalar>
class SplitEvaluator final : public Solution<Scalar>::Evaluator {
public:
  SplitEvaluator(BasisFlow<Scalar>& split,
                 const SplitPlan<Scalar>& plan,
                 const IntegratorOptions& options,
                 double horizon)
      : split_(split), plan_(plan), options_(options), horizon_(horizon),
        state_(split.flow.visible()) {}

  void coordinates(double time, Matrix<Scalar>& out) override {
    out.resize(split_.flow.d_out(), split_.flow.d_in());
    if (reach(std::min(time, horizon_))) {
      look(std::min(time, horizon_), out);
    } else {
      out.setConstant(static_cast<Scalar>(kNaN));
    }
  }

  double smooth_until(double time) override {
    return reach(std::min(time, horizon_)) && time < end_
               ? end_
               : std::numeric_limits<double>::infinity();
  }

private:
  void begin() {
    integrator_ = std::make_unique<Integrator<Scalar>>(
        split_.flow,
        options_,
        std::make_unique<SplittingMethod<Scalar>>(
            split_.flow, split_.basis, plan_.levels));
    integrator_->begin(split_.state);
    const Vector<Scalar> slope = integrator_->slope();
    integrator_->set_atol(options_.rtol * split_.flow.reference(split_.state, slope));
    attempted_ = false;
    resting_ = false;
    end_ = 0.0;
  }

  // False when the splitting fails on the way.
  bool reach(double time) {
    if (!integrator_ || time < integrator_->time()) {
      begin();
    }
    constexpr double level = 64.0 * std::numeric_limits<Scalar>::epsilon();
    while (!failed_ && !resting_ && !(attempted_ && time <= end_)) {
      if (attempted_) {
        integrator_->commit();
        attempted_ = false;
      }
      resting_ = split_.flow.at_rest(std::max(level, 1e-4 * options_.rtol));
      if (!resting_) {
        failed_ = !attempt();
      }
    }
    return !failed_;
  }

  bool attempt() {
    do {
      if (!integrator_->attempt(horizon_)) {
        return false;
      }
    } while (!integrator_->prepare_dense());
    attempted_ = true;
    end_ = integrator_->time() + integrator_->step().h;
    return true;
  }

  void look(double time, Matrix<Scalar>& out) {
    if (attempted_ && time > integrator_->time()) {
      integrator_->interpolate(time, state_);
    } else {
      state_ = integrator_->state().head(state_.size());
    }
    out.reshaped() = state_;
  }

  BasisFlow<Scalar>& split_;
  const SplitPlan<Scalar>& plan_;
  const IntegratorOptions& options_;
  double horizon_;
  std::unique_ptr<Integrator<Scalar>> integrator_;
  bool attempted_ = false; // the integrator stands before a step that is made
  bool resting_ = false;
  bool failed_ = false;
  double end_ = 0.0; // of that step
  Vector<Scalar> state_;
};

} // namespace

template <class Scalar>
SplitSolution<Scalar>::SplitSolution(
    std::shared_ptr<const SingularVectors<Scalar>> basis,
    const Matrix<Scalar>& X,
    const Matrix<Scalar>& Y,
    double horizon,
    bool until_best,
    double rtol)
    : split_(std::move(basis), std::nullopt, X, Y), horizon_(horizon) {
  auto& flow = split_.flow;
  const double least = flow.least_eigenvalue(split_.state);
  const double epsilon = std::numeric_limits<Scalar>::epsilon();
  if (!flow.keeps_positivity(rtol * least, epsilon)) {
    return; // steps err in proportion to P, but for rounding
  }
  plan_ = plan_split<Scalar>(flow,
                             split_.state,
                             {.span = horizon,
                              .looks = kLooks,
                              .until_best = until_best,
                              .rtol = rtol,
                              .integrable = flow.keeps_positivity(least, 5.0 * rtol)});
  pays_ =
      plan_.sound() && plan_.long_enough() && plan_.pays && plan_.fineness < kFinest;
  options_ = plan_.steps({.rtol = rtol});
  options_.most_steps *= 2.0; // made again, looks would be made again too
}

template <class Scalar>
std::unique_ptr<typename Solution<Scalar>::Evaluator>
SplitSolution<Scalar>::evaluator() const {
  return std::make_unique<SplitEvaluator<Scalar>>(split_, plan_, options_, horizon_);
}

template class SplitSolution<double>;
template class SplitSolution<float>;

} // namespace linflow
