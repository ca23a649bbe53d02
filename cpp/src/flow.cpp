#include "linflow/flow.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace linflow {

template <class Scalar>
FactorFlow<Scalar>::FactorFlow(Cost<Scalar>& cost, LayerShape shape)
    : cost_(cost), layers_(std::move(shape)), A_(d_out(), d_in()), G_(d_out(), d_in()),
      look_G_(d_out(), d_in()) {
  if (cost.d_out() != d_out() || cost.d_in() != d_in()) {
    throw std::invalid_argument("flow: the layers do not fit the cost's shape");
  }
}

template <class Scalar>
void FactorFlow<Scalar>::slope(const VectorIn<Scalar>& y, VectorOut<Scalar> dy) {
  layers_.product(y, A_);
  cost_.gradient(A_, G_);
  layers_.slope(y, G_, dy);
}

template <class Scalar>
double FactorFlow<Scalar>::radius_bound(const VectorIn<Scalar>& y) {
  return layers_.radius_bound(y, G_, cost_.curvature());
}

template <class Scalar>
Errors FactorFlow<Scalar>::look(const VectorIn<Scalar>& y, Matrix<Scalar>& A) {
  layers_.product(y, A);
  cost_.gradient(A, look_G_);
  return cost_.errors(A, look_G_);
}

template <class Scalar>
double FactorFlow<Scalar>::reference(const VectorIn<Scalar>& y,
                                     const VectorIn<Scalar>& dy) {
  const auto size = static_cast<double>(y.norm());
  const double left = cost_.residual_size(A_, G_);
  const double motion =
      std::max(left, cost_.target_size()) * left / layers_.gradient_norm(dy);
  return motion < size ? motion : size; // NaN: size
}

template <class Scalar> bool FactorFlow<Scalar>::at_rest() {
  const double epsilon = std::numeric_limits<Scalar>::epsilon();
  return cost_.residual_size(A_, G_) <= 4.0 * epsilon * cost_.target_size();
}

namespace {

// Save points of one run.
template <class Scalar> class Saver {
public:
  Saver(Flow<Scalar>& flow, const FlowOptions& options, FlowRecord<Scalar>& record)
      : flow_(flow), options_(options), record_(record),
        spectrum_(flow.d_out(), flow.d_in()), values_(options.top) {
    record.last_product.resize(flow.d_out(), flow.d_in());
  }

  [[nodiscard]] bool done() const { return next_ == options_.times.size(); }
  [[nodiscard]] double next() const { return options_.times[next_]; }

  void save(const Vector<Scalar>& y) {
    auto& A = record_.last_product;
    const Errors errors = flow_.look(y, A);
    record_.times.push_back(options_.times[next_++]);
    record_.train.push_back(errors.train);
    record_.test.push_back(errors.test);
    if (options_.top > 0) {
      spectrum_.singular_values(A, values_);
      record_.singular_values.insert(record_.singular_values.end(),
                                     values_.data(),
                                     values_.data() + values_.size());
    }
    if (options_.save_product) {
      record_.product.insert(record_.product.end(), A.data(), A.data() + A.size());
    }
    if (options_.save_weights) {
      record_.weights.insert(record_.weights.end(), y.data(), y.data() + y.size());
    }
  }

private:
  Flow<Scalar>& flow_;
  const FlowOptions& options_;
  FlowRecord<Scalar>& record_;
  Spectrum<Scalar> spectrum_;
  Vector<double> values_;
  std::size_t next_ = 0;
};

template <class Scalar>
Status integrate(Flow<Scalar>& flow,
                 Integrator<Scalar>& integrator,
                 Saver<Scalar>& saver,
                 const VectorIn<Scalar>& start,
                 const FlowOptions& options,
                 Control& control,
                 FlowRecord<Scalar>& record) {
  integrator.begin(start);
  const Vector<Scalar> f = integrator.slope();
  if (!f.allFinite()) {
    return Status::diverged;
  }
  record.atol = std::isnan(options.atol)
                    ? options.integrator.rtol * flow.reference(start, f)
                    : options.atol;
  integrator.set_atol(record.atol);
  Vector<Scalar> buffer(start.size());
  const double end = options.times.back();
  while (!saver.done()) {
    if (saver.next() <= integrator.time()) {
      saver.save(integrator.state());
      continue;
    }
    if (flow.at_rest()) { // and stays there
      saver.save(integrator.state());
      continue;
    }
    if (!integrator.attempt(options.land ? saver.next() : end)) {
      return integrator.step().next.allFinite() ? Status::step_underflow
                                                : Status::diverged;
    }
    const double reached = integrator.time() + integrator.step().h;
    if (saver.next() < reached && !integrator.prepare_dense()) {
      continue;
    }
    while (!saver.done() && saver.next() < reached) {
      integrator.interpolate(saver.next(), buffer);
      saver.save(buffer);
    }
    integrator.commit();
    if (control(static_cast<Index>(100.0 * integrator.time() / end))) {
      return Status::pending;
    }
  }
  return Status::reached_end;
}

} // namespace

template <class Scalar>
void run_flow(Flow<Scalar>& flow,
              const VectorIn<Scalar>& start,
              const FlowOptions& options,
              std::unique_ptr<Method<Scalar>> conserving,
              Control& control,
              FlowRecord<Scalar>& record) {
  Integrator<Scalar> integrator(flow, options.integrator, std::move(conserving));
  Saver<Scalar> saver(flow, options, record);
  try {
    record.status = integrate(flow, integrator, saver, start, options, control, record);
  } catch (const UserError&) {
    record.status = Status::user_error;
  }
  record.last_state = integrator.state();
  flow.product(record.last_state, record.last_product);
  record.time = integrator.time();
  record.evaluations = integrator.step().evaluations;
  record.segments = integrator.segments();
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template class FactorFlow<Scalar>;                                                   \
  template void run_flow<Scalar>(Flow<Scalar>&,                                        \
                                 const VectorIn<Scalar>&,                              \
                                 const FlowOptions&,                                   \
                                 std::unique_ptr<Method<Scalar>>,                      \
                                 Control&,                                             \
                                 FlowRecord<Scalar>&);

LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
