#include "linflow/flow_solution.hpp"

#include "linflow/exponential.hpp"
#include "linflow/splitting.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

namespace linflow {
namespace {

// Looks that it takes to find where a run ends and is best (located_steps.hpp).
constexpr double kLooks = 45.0;

// κ over ‖T‖ beyond which splitting would not pay; asking that in earnest costs ten
// right-hand sides.
constexpr double kMostKappa = 0.02;

// d_in + d_out below which explicit methods, which make more steps, have less to do
// beside products.
constexpr Index kSmallest = 80;

// Beyond it steps are far shorter than the plan's: errors limit them, not growth.
constexpr double kFinest = 1.3;

template <class Scalar> double mean_square(const Matrix<Scalar>& M) {
  return static_cast<double>(M.squaredNorm()) / static_cast<double>(M.rows());
}

template <class Scalar> class FlowEvaluator final : public Solution<Scalar>::Evaluator {
public:
  using Methods = std::function<std::unique_ptr<Method<Scalar>>()>;
  FlowEvaluator(BasisFlow<Scalar>& flow,
                Methods method,
                const IntegratorOptions& options,
                double horizon)
      : flow_(flow), method_(std::move(method)), options_(options), horizon_(horizon),
        state_(flow.flow.visible()) {}

  void coordinates(double time, Matrix<Scalar>& out) override {
    out.resize(flow_.flow.d_out(), flow_.flow.d_in());
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
    integrator_ = std::make_unique<Integrator<Scalar>>(flow_.flow, options_, method_());
    integrator_->begin(flow_.state);
    const Vector<Scalar> slope = integrator_->slope();
    integrator_->set_atol(options_.rtol * flow_.flow.reference(flow_.state, slope));
    attempted_ = false;
    resting_ = false;
    end_ = 0.0;
  }

  // False when a step fails on the way.
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
      resting_ = flow_.flow.at_rest(std::max(level, 1e-4 * options_.rtol));
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

  BasisFlow<Scalar>& flow_;
  Methods method_;
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
FlowSolution<Scalar>::FlowSolution(const EnsembleTask<Scalar>& task,
                                   const Matrix<Scalar>& X,
                                   const Matrix<Scalar>& Y,
                                   double horizon,
                                   bool until_best,
                                   double rtol)
    : horizon_(horizon) {
  const bool differencing =
      X.rows() + Y.rows() >= kSmallest && rtol >= finest_exponential(0.0);
  const double kappa = 0.5 * (mean_square<Scalar>(X) + mean_square<Scalar>(Y));
  const auto size = static_cast<double>(task.modes().basis->values.norm());
  const bool may_split = kappa < kMostKappa * size;
  if (!may_split && !differencing) {
    return;
  }
  QuadraticCost<Scalar> cost({task.objective().target(), std::nullopt, {}, {}, 1.0});
  GramFlow<Scalar> plain(cost);
  Vector<Scalar> state;
  plain.pack(X, Y, state);
  if (may_split) {
    modes_ = &task.modes();
    flow_ = std::make_unique<BasisFlow<Scalar>>(modes_->basis, cost, plain, state);
    auto& flow = flow_->flow;
    const double least = flow.least_eigenvalue(flow_->state);
    if (least >= flow.accurate_eigenvalue(flow_->state, rtol)) {
      const auto plan =
          plan_split<Scalar>(flow,
                             flow_->state,
                             {.span = horizon,
                              .looks = kLooks,
                              .until_best = until_best,
                              .rtol = rtol,
                              .integrable = flow.keeps_positivity(least, 5.0 * rtol),
                              .differencing = differencing});
      if (plan.sound() && plan.long_enough() && plan.pays && plan.fineness < kFinest) {
        options_ = plan.steps({.rtol = rtol});
        options_.most_steps *= 2.0; // made again, looks would be made again too
        levels_ = plan.levels;
        return;
      }
    }
  }
  flow_.reset();
  if (!differencing) {
    return;
  }
  const bool lazy = kappa >= static_cast<double>(task.modes().basis->values[0]);
  modes_ = lazy ? &task.leading() : &task.modes();
  flow_ = std::make_unique<BasisFlow<Scalar>>(modes_->basis, cost, plain, state);
  auto& flow = flow_->flow;
  const Index modes = modes_->basis->leading();
  if (flow.least_eigenvalue(flow_->state) <
          flow.accurate_eigenvalue(flow_->state, rtol) ||
      !modes_apart<Scalar>(flow, flow_->state, modes)) {
    flow_.reset();
    return;
  }
  options_.method = "etdrk4";
  options_.rtol = rtol;
  options_.first_step = exponential_first_step<Scalar>(
      flow, flow_->state, static_cast<double>(modes_->basis->values[0]), rtol);
}

template <class Scalar>
std::unique_ptr<Method<Scalar>> FlowSolution<Scalar>::method() const {
  const auto& basis = flow_->basis;
  if (options_.method == "splitting") {
    return std::make_unique<SplittingMethod<Scalar>>(flow_->flow, basis, levels_);
  }
  return std::make_unique<ExponentialMethod<Scalar>>(
      flow_->flow, basis->leading(), options_.rtol);
}

template <class Scalar>
std::unique_ptr<typename Solution<Scalar>::Evaluator>
FlowSolution<Scalar>::evaluator() const {
  return std::make_unique<FlowEvaluator<Scalar>>(
      *flow_, [this] { return method(); }, options_, horizon_);
}

template class FlowSolution<double>;
template class FlowSolution<float>;

} // namespace linflow
