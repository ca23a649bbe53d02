#include "linflow/flow_run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace linflow {
namespace {

// Save points of one run.
template <class Scalar> class Saver {
public:
  Saver(Flow<Scalar>& flow, const FlowOptions& options, FlowRecord<Scalar>& record)
      : flow_(flow), options_(options), record_(record),
        look_(options.spectrum.asks()) {
    if (look_) {
      spectrum_.emplace(flow.d_out(), flow.d_in(), options.spectrum);
    }
    record.last_product.resize(flow.d_out(), flow.d_in());
    if (options.save_product) {
      record.product.reserve(options.times.size() *
                             static_cast<std::size_t>(record.last_product.size()));
    }
    if (options.save_weights) {
      record.weights.reserve(options.times.size() *
                             static_cast<std::size_t>(flow.size()));
    }
  }

  [[nodiscard]] bool done() const { return next_ == options_.times.size(); }
  [[nodiscard]] bool stopped() const { return stopped_; } // by the watcher
  [[nodiscard]] double next() const { return options_.times[next_]; }

  void save(const VectorIn<Scalar>& y) { save_at(options_.times[next_++], y); }

  // All that lie before `end`, within the step that the integrator has made.
  void save_until(double end, Integrator<Scalar>& integrator) {
    constexpr std::ptrdiff_t most = 8; // at once
    const auto begin = options_.times.begin();
    const auto within = std::lower_bound(begin + at(), options_.times.end(), end);
    if (begin + at() != within) {
      integrator.expect({begin + at(), within});
    }
    while (begin + at() != within && !stopped()) {
      const auto first = begin + at();
      const auto last = first + std::min(most, within - first);
      states_.resize(options_.save_weights ? flow_.size() : flow_.visible(), most);
      integrator.interpolate({first, last}, states_);
      for (Index i = 0; i < last - first && !stopped(); ++i) {
        save(states_.col(i));
      }
    }
  }

  void save_at(double time, const VectorIn<Scalar>& y) {
    auto& A = record_.last_product;
    const Errors errors = look_ || options_.save_product || options_.watcher
                              ? flow_.look(y, A)
                              : flow_.errors(y);
    record_.times.push_back(time);
    record_.train.push_back(errors.train);
    record_.test.push_back(errors.test);
    if (look_) {
      spectrum_->look(A, record_.spectrum);
    }
    if (options_.save_product) {
      record_.product.insert(record_.product.end(), A.data(), A.data() + A.size());
    }
    if (options_.save_weights) {
      record_.weights.insert(record_.weights.end(), y.data(), y.data() + y.size());
    }
    stopped_ = options_.watcher && !options_.watcher(time, A.template cast<double>());
  }

private:
  [[nodiscard]] std::ptrdiff_t at() const { return static_cast<std::ptrdiff_t>(next_); }

  Flow<Scalar>& flow_;
  const FlowOptions& options_;
  FlowRecord<Scalar>& record_;
  bool look_;
  std::optional<SpectrumObserver<Scalar>> spectrum_;
  Matrix<Scalar> states_; // at save points within a step
  std::size_t next_ = 0;
  bool stopped_ = false;
};

template <class Scalar>
Status integrate(Flow<Scalar>& flow,
                 Integrator<Scalar>& integrator,
                 Saver<Scalar>& saver,
                 const VectorIn<Scalar>& start,
                 const FlowOptions& options,
                 Control& control,
                 FlowRecord<Scalar>& record) {
  EventWatch<Scalar> watch(flow, options.events);
  integrator.begin(start);
  const Vector<Scalar> f = integrator.slope();
  if (!f.allFinite()) {
    return Status::diverged;
  }
  record.atol = std::isnan(options.atol)
                    ? options.integrator.rtol * flow.reference(start, f)
                    : options.atol;
  integrator.set_atol(record.atol);
  watch.begin(integrator.state());
  const double end = options.times.back();
  // A residual this small is the rounding of many stages, and nothing follows from it.
  const double rest = std::max(64.0 * std::numeric_limits<Scalar>::epsilon(),
                               1e-4 * options.integrator.rtol);
  while (!saver.done()) {
    if (saver.stopped()) {
      return Status::pending;
    }
    if (saver.next() <= integrator.time()) {
      saver.save(integrator.state());
      continue;
    }
    if (watch.empty() && flow.at_rest(rest)) { // and stays there
      saver.save(integrator.state());
      continue;
    }
    double reached = 0.0;
    bool dense = false;
    do {
      if (!integrator.attempt(options.land ? saver.next() : end)) {
        return options.integrator.fixed_step > 0.0 ? Status::diverged
                                                   : Status::step_underflow;
      }
      reached = integrator.time() + integrator.step().h;
      dense = saver.next() < reached || !watch.empty();
    } while (dense && !integrator.prepare_dense());
    const bool terminal = watch.check(integrator, record.events);
    if (terminal) {
      reached = record.events.back().time;
    }
    saver.save_until(reached, integrator);
    if (terminal) {
      integrator.commit_at(reached);
      saver.save_at(reached, integrator.state());
      return Status::event;
    }
    if (saver.stopped()) { // within the step
      return Status::pending;
    }
    integrator.commit();
    if (control(static_cast<Index>(100.0 * integrator.time() / end))) {
      return Status::pending;
    }
  }
  return saver.stopped() ? Status::pending : Status::reached_end;
}

} // namespace

template <class Scalar>
void run_flow(Flow<Scalar>& flow,
              const VectorIn<Scalar>& start,
              const FlowOptions& options,
              std::unique_ptr<Method<Scalar>> special,
              Control& control,
              FlowRecord<Scalar>& record) {
  Integrator<Scalar> integrator(flow, options.integrator, std::move(special));
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
