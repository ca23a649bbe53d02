#include "linflow/flow_steps.hpp"

#include "linflow/error_interpolation.hpp"
#include "linflow/gram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace linflow {
namespace {

// Nodes at which errors are taken in a step of a dense output of degree p: they are
// polynomials of degree 2p in time in Gram form and 4p in factors, and smooth.
Index node_count(int degree) { return degree > 4 ? 13 : 7; }

} // namespace

template <class Scalar>
FlowSteps<Scalar>::FlowSteps(const Objective<Scalar>& objective,
                             const Matrix<Scalar>& X,
                             const Matrix<Scalar>& Y,
                             double step_size,
                             Index most_steps,
                             double rtol)
    : cost_(quadratic_data(objective)), step_size_(step_size),
      horizon_(step_size * (static_cast<double>(most_steps) + 1.0)),
      rest_(std::max(64.0 * std::numeric_limits<Scalar>::epsilon(), 1e-4 * rtol)),
      best_product_(objective.d_out(), objective.d_in()),
      product_(objective.d_out(), objective.d_in()) {
  const LayerShape shape{{X.rows(), X.cols(), Y.rows()}, {1.0, 1.0}, 1.0};
  Vector<Scalar> start;
  if (GramFlow<Scalar>::fits(shape)) {
    auto gram = std::make_unique<GramFlow<Scalar>>(cost_);
    gram->pack(X, Y, start);
    // Five times the margin of a single run: nothing would make this one again.
    if (gram->keeps_positivity(gram->least_eigenvalue(start), 5.0 * rtol)) {
      flow_ = std::move(gram);
    }
  }
  if (!flow_) {
    flow_ = std::make_unique<FactorFlow<Scalar>>(cost_, shape);
    start = pack_factors<Scalar>(X, Y);
  }
  state_.resize(flow_->visible());
  integrator_ =
      std::make_unique<Integrator<Scalar>>(*flow_, IntegratorOptions{.rtol = rtol});
  integrator_->begin(start);
  const Vector<Scalar> slope = integrator_->slope();
  integrator_->set_atol(rtol * flow_->reference(start, slope));
}

template <class Scalar>
Errors FlowSteps<Scalar>::look(double time, Matrix<Scalar>& out) const {
  if (!attempted_) {
    return flow_->look(integrator_->state(), out);
  }
  integrator_->interpolate(time, state_);
  return flow_->look(state_, out);
}

template <class Scalar> bool FlowSteps<Scalar>::reach(double time) {
  while (!resting_ && time > end_) {
    if (attempted_) {
      if (!std::isnan(best_) && !best_known_) {
        look(best_, best_product_);
        best_known_ = true;
      }
      integrator_->commit();
      attempted_ = false;
    }
    if (flow_->at_rest(rest_)) {
      resting_ = true;
      nodes_.clear();
      break;
    }
    do {
      if (!integrator_->attempt(horizon_)) {
        return false;
      }
    } while (!integrator_->prepare_dense());
    attempted_ = true;
    end_ = integrator_->step().t + integrator_->step().h;
    fit_errors();
  }
  return true;
}

template <class Scalar> void FlowSteps<Scalar>::fit_errors() {
  const auto& step = integrator_->step();
  const Index count = node_count(step.degree);
  const bool joined = !nodes_.empty();
  const Errors first = joined ? errors_.back() : Errors{};
  nodes_.clear();
  errors_.clear();
  if (step.h <= step_size_ * static_cast<double>(count)) {
    return;
  }
  nodes_ = chebyshev_nodes(count);
  std::vector<double> times; // within
  for (Index i = 1; i + 1 < count; ++i) {
    times.push_back(step.t + nodes_[static_cast<std::size_t>(i)] * step.h);
  }
  states_.resize(flow_->visible(), count - 2);
  integrator_->interpolate(times, states_);
  errors_.push_back(joined ? first : flow_->errors(step.y));
  for (const auto& state : states_.colwise()) {
    errors_.push_back(flow_->errors(state));
  }
  errors_.push_back(flow_->errors(step.next));
}

template <class Scalar> Errors FlowSteps<Scalar>::measure() {
  if (!reach(time())) {
    return {}; // NaN: diverged
  }
  if (nodes_.empty()) {
    return look(time(), product_);
  }
  const auto& step = integrator_->step();
  return interpolate_errors(nodes_, errors_, (time() - step.t) / step.h);
}

template <class Scalar> void FlowSteps<Scalar>::remember() {
  best_ = time();
  best_known_ = false;
}

template <class Scalar> bool FlowSteps<Scalar>::remembered(Matrix<Scalar>& out) {
  if (!best_known_) {
    look(best_, best_product_);
    best_known_ = true;
  }
  out = best_product_;
  return true;
}

template class FlowSteps<double>;
template class FlowSteps<float>;

} // namespace linflow
