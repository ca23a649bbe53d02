#include "linflow/network_flow.hpp"

#include "linflow/integrators/lie.hpp"
#include "linflow/splitting.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace linflow {
namespace {

// Most of a splitting step over the one before: what happens within a step is judged at
// its middle, which should be near in the logarithm of time.
constexpr double kGrowth = 4.0;
// Beyond it a step's own estimate says too little of what lies between its ends.
constexpr double kLoosest = 1e-2;
// Runs of a smaller ρt are nothing for it: C = N − hK⁻¹h would be left with ε/(ρt).
constexpr double kShort = 1e-5;

// Save points are told once, though a run may be made again in another form.
class Teller {
public:
  explicit Teller(Watcher watcher) : watcher_(std::move(watcher)) {}
  void begin() { at_ = 0; }
  Watcher watcher() {
    if (!watcher_) {
      return {};
    }
    return [this](double time, const Matrix<double>& A) {
      if (++at_ <= told_) {
        return true;
      }
      told_ = at_;
      return watcher_(time, A);
    };
  }

private:
  Watcher watcher_;
  std::size_t told_ = 0;
  std::size_t at_ = 0;
};

// A run in Gram form, in some basis.
template <class Scalar> class GramRun {
public:
  GramRun(QuadraticCost<Scalar>& cost,
          const LayerShape& shape,
          const VectorIn<Scalar>& weights,
          const FlowOptions& options)
      : cost_(cost), options_(options),
        X_(Eigen::Map<const Matrix<Scalar>>(
               weights.data(), shape.widths[1], shape.widths[0])
               .transpose()),
        Y_(Eigen::Map<const Matrix<Scalar>>(
            weights.data() + X_.size(), shape.widths[2], shape.widths[1])),
        flow_(cost) {
    flow_.pack(X_, Y_, state_);
    const double rtol = options.integrator.rtol;
    least_ = flow_.least_eigenvalue(state_);
    safe_ = flow_.keeps_positivity(least_, rtol);
    // Steps of the splitting err in proportion to P, but for rounding.
    accurate_from_ =
        flow_.safe_eigenvalue(std::numeric_limits<Scalar>::epsilon()) / rtol;
  }

  // False when positivity is not safe, or was lost after all.
  bool integrate(Control& control, FlowRecord<Scalar>& record) {
    return safe_ && run(flow_, state_, options_, nullptr, nullptr, control, record);
  }

  // False when steps would have to become too short to pay. Where the splitting is
  // asked for by name, what it does not suit is refused instead.
  bool split(Control& control, FlowRecord<Scalar>& record);

private:
  struct Plan {
    Levels<Scalar> levels;
    double first_step = 0.0;
    double most_steps = 0.0; // half of what the other way costs
    double stiffness = 0.0;  // ρt
    bool pays = false;
  };
  Plan plan();
  bool run(GramFlow<Scalar>& flow,
           const Vector<Scalar>& state,
           const FlowOptions& options,
           std::unique_ptr<Method<Scalar>> special,
           const SingularVectors<Scalar>* basis,
           Control& control,
           FlowRecord<Scalar>& record);

  QuadraticCost<Scalar>& cost_;
  const FlowOptions& options_;
  Matrix<Scalar> X_;
  Matrix<Scalar> Y_;
  GramFlow<Scalar> flow_;
  Vector<Scalar> state_;
  double least_ = 0.0;         // eigenvalue of P
  double accurate_from_ = 0.0; // that the splitting asks for
  bool safe_ = false;          // to integrate
};

template <class Scalar>
bool GramRun<Scalar>::run(GramFlow<Scalar>& flow,
                          const Vector<Scalar>& state,
                          const FlowOptions& options,
                          std::unique_ptr<Method<Scalar>> special,
                          const SingularVectors<Scalar>* basis,
                          Control& control,
                          FlowRecord<Scalar>& record) {
  FlowRecord<Scalar> found;
  const bool may_be_singular = special != nullptr;
  const bool final =
      special != nullptr && !std::isfinite(options.integrator.most_steps);
  run_flow<Scalar>(flow, state, options, std::move(special), control, found);
  Matrix<Scalar> X;
  Matrix<Scalar> Y;
  // Cancelled, or ended by a user's function: nothing to be made again.
  const bool ended =
      found.status == Status::pending || found.status == Status::user_error;
  const bool failed = found.status == Status::diverged ||
                      found.status == Status::step_underflow ||
                      std::any_of(found.train.begin(), found.train.end(), [](double e) {
                        return !std::isfinite(e);
                      });
  if ((failed && !ended && !final) ||
      !flow.unpack(found.last_state, ended || may_be_singular, X, Y)) {
    return false;
  }
  if (basis != nullptr) {
    X = basis->V * X;
    Y = basis->U * Y;
  }
  record = std::move(found);
  record.form = "gram";
  X.transposeInPlace();
  record.last_state.resize(X.size() + Y.size());
  record.last_state << X.reshaped(), Y.reshaped();
  return true;
}

// What either way costs, in right-hand sides of GramFlow: from the stiffness ρt of the
// run and the number of save points, and from how far the closed form is off (theory
// §4). The numbers are fits to what bench/bench_flow.py counts.
template <class Scalar> typename GramRun<Scalar>::Plan GramRun<Scalar>::plan() {
  Plan plan;
  plan.levels = fitted_levels<Scalar>(flow_, state_);
  const auto lam = static_cast<double>(plan.levels.lam);
  const double kappa =
      std::sqrt(static_cast<double>(plan.levels.mu) + 0.25 * lam * lam) + 1e-100;
  const double top_mode = cost_.target_size() + 1e-100;
  const double rtol = options_.integrator.rtol;
  const double span = options_.times.back();
  const auto looks = static_cast<double>(options_.times.size());
  const bool whole = options_.save_product || options_.spectrum.asks();

  Vector<Scalar> slope(state_.size());
  flow_.slope(state_, slope);
  const double stiffness = flow_.radius_bound(state_) * span;
  const double integrated = (safe_ ? 1.0 : 2.0) * (10.0 + 12.0 * std::sqrt(stiffness)) *
                                std::pow(1e-4 / rtol, 1.0 / 6.0) +
                            (safe_ ? 0.3 : 1.4) * looks;

  // Time in which the first mode is learned; steps grow from there.
  const double off = 0.2 * std::min(1.0, kappa / top_mode) * plan.levels.residual;
  const double fineness = std::cbrt(std::max(off / rtol, 1.0));
  const double first = (1.0 + std::asinh(top_mode / kappa)) / std::max(top_mode, kappa);
  const double steps =
      (1.0 + std::log(1.0 + span / first) / std::log(kGrowth)) * fineness;
  const double split = 15.0 + 19.0 * steps + (whole ? 2.0 : 1.4) * looks;
  plan.pays = split < integrated;
  plan.first_step = std::min(span, first / fineness);
  plan.most_steps = 2.0 + 0.5 * integrated / 19.0;
  plan.stiffness = stiffness;
  return plan;
}

template <class Scalar>
bool GramRun<Scalar>::split(Control& control, FlowRecord<Scalar>& record) {
  if (!options_.events.empty()) {
    return false;
  }
  const bool chosen = options_.integrator.method == "splitting";
  const bool accurate = least_ >= accurate_from_;
  if (chosen && !accurate) {
    std::ostringstream message;
    message << "init must be larger beside the target with method='splitting' and rtol="
            << options_.integrator.rtol << ": the least eigenvalue of P must be "
            << accurate_from_ << " or more, to stand out from rounding, not " << least_
            << " ('auto' takes it)";
    throw std::invalid_argument(message.str());
  }
  if (!accurate) {
    return false;
  }
  const auto& data = cost_.data();
  const auto plan = this->plan();
  const bool finite = std::isfinite(plan.stiffness + plan.levels.residual) &&
                      std::isfinite(static_cast<double>(plan.levels.lam));
  if (chosen && !finite) {
    throw std::invalid_argument("init must not be so large with method='splitting': "
                                "fourth powers of P overflow "
                                "('auto' takes it)");
  }
  if (!finite || (!chosen && !plan.pays)) {
    return false;
  }
  FlowOptions options = options_;
  if (plan.stiffness < kShort) {
    options.integrator.method = "auto";
    return run(flow_, state_, options, nullptr, nullptr, control, record);
  }
  const auto basis =
      data.basis ? data.basis->of(data.target) : riccati_basis<Scalar>(data.target);
  const auto rotated = [&basis](const Matrix<Scalar>& A) {
    return Matrix<Scalar>(basis->U.transpose() * A * basis->V);
  };
  QuadraticData<Scalar> own;
  own.target.setZero(data.target.rows(), data.target.cols());
  own.target.diagonal() = basis->values;
  if (data.truth) {
    own.truth = rotated(*data.truth);
  }
  QuadraticCost<Scalar> cost(std::move(own));
  GramFlow<Scalar> flow(cost, basis);
  Vector<Scalar> state;
  flow.pack(basis->V.transpose() * X_, basis->U.transpose() * Y_, state);
  options.integrator.method = "splitting";
  options.integrator.rtol = std::min(options_.integrator.rtol, kLoosest);
  options.integrator.first_step = plan.first_step;
  options.integrator.growth = kGrowth;
  if (!chosen) {
    options.integrator.most_steps = plan.most_steps;
  }
  auto method = std::make_unique<SplittingMethod<Scalar>>(flow, basis, plan.levels);
  return run(flow, state, options, std::move(method), basis.get(), control, record);
}

} // namespace

template <class Scalar>
void run_network_flow(Cost<Scalar>& cost,
                      const LayerShape& shape,
                      const VectorIn<Scalar>& weights,
                      const FlowOptions& given,
                      Control& control,
                      FlowRecord<Scalar>& record) {
  Teller teller(given.watcher);
  FlowOptions options = given;
  options.watcher = teller.watcher();
  const std::string& method = options.integrator.method;
  std::unique_ptr<Method<Scalar>> special;
  auto* quadratic = dynamic_cast<QuadraticCost<Scalar>*>(&cost);
  if (method == "lie4") {
    special = std::make_unique<LieMethod<Scalar>>(cost, shape);
  } else if (quadratic != nullptr && quadratic->plain() &&
             GramFlow<Scalar>::fits(shape) && !options.save_weights &&
             options.integrator.fixed_step == 0.0) {
    GramRun<Scalar> run(*quadratic, shape, weights, options);
    const bool splitting = method == "auto" || method == "splitting";
    if (splitting && run.split(control, record)) {
      return;
    }
    teller.begin();
    if (method != "splitting" && run.integrate(control, record)) {
      return;
    }
    teller.begin();
  }
  if (method == "splitting") {
    throw std::invalid_argument("method must not be 'splitting' here: the run can't be "
                                "made in Gram form, or leaves the finite numbers");
  }
  FactorFlow<Scalar> flow(cost, shape);
  run_flow<Scalar>(flow, weights, options, std::move(special), control, record);
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template void run_network_flow<Scalar>(Cost<Scalar>&,                                \
                                         const LayerShape&,                            \
                                         const VectorIn<Scalar>&,                      \
                                         const FlowOptions&,                           \
                                         Control&,                                     \
                                         FlowRecord<Scalar>&);

LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
