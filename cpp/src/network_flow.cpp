#include "linflow/network_flow.hpp"

#include "linflow/basis_flow.hpp"
#include "linflow/exponential.hpp"
#include "linflow/integrators/lie.hpp"
#include "linflow/split_plan.hpp"
#include "linflow/splitting.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace linflow {
namespace {

// Exponential differencing takes fewer right-hand sides than explicit methods, but for
// runs so short that they are not worth a basis.
constexpr double kShortest = 1.0; // ρt

// Networks of less than full rank are far from sets of modes.
constexpr double kFinestNarrow = 1e-5;

// What a look costs more in the basis of all singular vectors than in that of a few, in
// right-hand sides, with A itself and without; and which part of right-hand sides that
// basis saves.
constexpr double kWholeLook = 0.25;
constexpr double kLook = 0.1;
constexpr double kSaved = 0.55;
constexpr double kFarthest = 10.0; // of κ, modes that a few leave out

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
    full_rank_ = X_.cols() >= X_.rows() + Y_.rows();
    flow_.pack(X_, Y_, state_);
    const double rtol = options.integrator.rtol;
    least_ = flow_.least_eigenvalue(state_);
    safe_ = flow_.keeps_positivity(least_, rtol);
    accurate_from_ = flow_.accurate_eigenvalue(state_, rtol);
    accurate_ = least_ >= accurate_from_ || !full_rank_;
  }

  // False when positivity is not safe, or was lost after all.
  bool integrate(Control& control, FlowRecord<Scalar>& record);

  // False when steps would have to become too short to pay. Where the splitting is
  // asked for by name, what it does not suit is refused instead.
  bool split(Control& control, FlowRecord<Scalar>& record);

private:
  // Made when it is asked for first.
  const SplitPlan<Scalar>& plan();
  [[nodiscard]] std::string refusal() const; // of a start that is too small
  bool difference(Control& control, FlowRecord<Scalar>& record);
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
  bool full_rank_ = true;
  double least_ = 0.0;         // eigenvalue of P
  double accurate_from_ = 0.0; // that steps about closed forms ask for
  bool accurate_ = false;
  bool safe_ = false; // to integrate by any method
  std::optional<SplitPlan<Scalar>> plan_;
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
  const bool about_closed_forms = special != nullptr;
  const bool final =
      special != nullptr && special->name() == options_.integrator.method;
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
  double steps = 10.0;
  for (const auto& segment : found.segments) {
    steps += static_cast<double>(segment.steps);
  }
  const double slack = ended                ? std::numeric_limits<double>::infinity()
                       : about_closed_forms ? steps * options.integrator.rtol
                                            : 0.0;
  if ((failed && !ended && !final) ||
      !flow.unpack(found.last_state, slack, X_.cols(), X, Y)) {
    return false;
  }
  if (basis != nullptr) {
    X = basis->from_inputs(std::move(X));
    Y = basis->from_outputs(std::move(Y));
  }
  record = std::move(found);
  record.form = "gram";
  X.transposeInPlace();
  record.last_state.resize(X.size() + Y.size());
  record.last_state << X.reshaped(), Y.reshaped();
  return true;
}

template <class Scalar>
bool GramRun<Scalar>::split(Control& control, FlowRecord<Scalar>& record) {
  if (!options_.events.empty()) {
    return false;
  }
  const bool chosen = options_.integrator.method == "splitting";
  if (chosen && !accurate_) {
    throw std::invalid_argument(refusal());
  }
  if (!accurate_) {
    return false;
  }
  const auto& plan = this->plan();
  if (chosen && !plan.sound()) {
    throw std::invalid_argument("init must not be so large with method='splitting': "
                                "fourth powers of P overflow ('auto' takes it)");
  }
  if (!plan.sound() || (!chosen && !plan.pays)) {
    return false;
  }
  FlowOptions options = options_;
  if (!plan.long_enough()) {
    options.integrator.method = "auto";
    return run(flow_, state_, options, nullptr, nullptr, control, record);
  }
  options.integrator = plan.steps(options_.integrator);
  if (chosen) {
    options.integrator.most_steps = options_.integrator.most_steps;
  }
  const auto& data = cost_.data();
  const auto basis =
      data.basis ? data.basis->of(data.target) : riccati_basis<Scalar>(data.target);
  BasisFlow<Scalar> split(basis, cost_, flow_, state_);
  if (!chosen && !modes_apart<Scalar>(split.flow, split.state, basis->leading())) {
    return false;
  }
  return run(split.flow,
             split.state,
             options,
             std::make_unique<SplittingMethod<Scalar>>(split.flow, basis, plan.levels),
             split.basis.get(),
             control,
             record);
}

template <class Scalar> std::string GramRun<Scalar>::refusal() const {
  std::ostringstream message;
  message << "init must be larger beside the target with method='"
          << options_.integrator.method << "' and rtol=" << options_.integrator.rtol
          << ": the least eigenvalue of P must be " << accurate_from_
          << " or more, not " << least_ << " ('auto' takes it)";
  return message.str();
}

template <class Scalar>
bool GramRun<Scalar>::integrate(Control& control, FlowRecord<Scalar>& record) {
  const std::string& method = options_.integrator.method;
  if (method == "etdrk4" && !accurate_) {
    throw std::invalid_argument(refusal());
  }
  if (method == "etdrk4" ||
      (method == "auto" && accurate_ && plan().stiffness >= kShortest &&
       options_.integrator.rtol >=
           (full_rank_ ? finest_exponential(plan().stiffness) : kFinestNarrow))) {
    return difference(control, record);
  }
  return safe_ && run(flow_, state_, options_, nullptr, nullptr, control, record);
}

template <class Scalar>
bool GramRun<Scalar>::difference(Control& control, FlowRecord<Scalar>& record) {
  FlowOptions options = options_;
  const bool chosen = options.integrator.method == "etdrk4";
  if (!chosen) {
    options.integrator.most_steps = 10.0 + 0.5 * plan().integrated;
    if (!safe_) { // else methods for all systems go on
      options.integrator.method = "etdrk4";
    }
  }
  const auto& data = cost_.data();
  auto basis =
      data.basis ? data.basis->of(data.target) : riccati_basis<Scalar>(data.target);
  const bool whole = options_.save_product || options_.spectrum.asks();
  const double looks =
      (whole ? kWholeLook : kLook) * static_cast<double>(options_.times.size());
  // In a basis of few, where P is far from singular and no mode is active, or where
  // looks cost more than what the others would save and these have not far to grow.
  if (safe_) {
    const auto few =
        data.basis ? data.basis->leading(data.target) : leading_basis<Scalar>(basis);
    const Index others = few->leading();
    const double target =
        others < few->values.size() ? static_cast<double>(few->values[others]) : 0.0;
    if (plan().kappa >= static_cast<double>(basis->values[0]) ||
        (looks > kSaved * plan().right_hand_sides &&
         target <= kFarthest * plan().kappa)) {
      basis = few;
    }
  }
  BasisFlow<Scalar> led(basis, cost_, flow_, state_);
  if (!(safe_ && chosen) &&
      !modes_apart<Scalar>(led.flow, led.state, basis->leading())) {
    return false;
  }
  if (!(options.integrator.first_step > 0.0)) {
    options.integrator.first_step =
        exponential_first_step<Scalar>(led.flow,
                                       led.state,
                                       static_cast<double>(basis->values[0]),
                                       options.integrator.rtol);
  }
  return run(led.flow,
             led.state,
             options,
             std::make_unique<ExponentialMethod<Scalar>>(
                 led.flow, basis->leading(), options.integrator.rtol),
             basis.get(),
             control,
             record);
}

template <class Scalar> const SplitPlan<Scalar>& GramRun<Scalar>::plan() {
  const double rtol = options_.integrator.rtol;
  const auto finest = [this] { // where stiff
    return full_rank_ ? finest_exponential(std::numeric_limits<double>::infinity())
                      : kFinestNarrow;
  };
  if (!plan_) {
    plan_ =
        plan_split<Scalar>(flow_,
                           state_,
                           {.span = options_.times.back(),
                            .looks = static_cast<double>(options_.times.size()),
                            .whole = options_.save_product || options_.spectrum.asks(),
                            .rtol = rtol,
                            .integrable = safe_,
                            .differencing = accurate_ && rtol >= finest()});
  }
  return *plan_;
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
  const bool gram_only = method == "splitting" || method == "etdrk4";
  std::unique_ptr<Method<Scalar>> special;
  auto* quadratic = dynamic_cast<QuadraticCost<Scalar>*>(&cost);
  if (method == "lie4") {
    special = std::make_unique<LieMethod<Scalar>>(cost, shape);
  } else if (quadratic != nullptr && quadratic->plain() && !options.save_weights &&
             options.integrator.fixed_step == 0.0) {
    const bool wide = GramFlow<Scalar>::fits(shape);
    const bool wide_enough =
        (method == "auto" || method == "etdrk4") && GramFlow<Scalar>::fits_modes(shape);
    if (wide || wide_enough) {
      GramRun<Scalar> run(*quadratic, shape, weights, options);
      if (wide && (method == "auto" || method == "splitting") &&
          run.split(control, record)) {
        return;
      }
      teller.begin();
      if (method != "splitting" && run.integrate(control, record)) {
        return;
      }
      teller.begin();
    }
  }
  if (gram_only) {
    throw std::invalid_argument("method must not be '" + method +
                                "' here: the run can't be made in Gram form, or leaves "
                                "the finite numbers");
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
