#include "linflow/split_plan.hpp"

#include <algorithm>
#include <cmath>

namespace linflow {
namespace {

// Most of a step over the one before: what happens within a step is judged at its
// middle, which should be near in the logarithm of time.
constexpr double kGrowth = 4.0;
// Error of the closed form, over the tolerance, that needs no second step.
constexpr double kNegligible = 0.3;
// What a step costs in right-hand sides of GramFlow.
constexpr double kStepCost = 15.0;
// And where something is looked at within it; what is solved for then, and each look,
// with A itself and without.
constexpr double kWithin = 6.0;
constexpr double kSolved = 0.9;
constexpr double kWholeLook = 0.3;
constexpr double kLook = 0.03;
// By differencing: the basis and back, and each look.
constexpr double kSetUp = 10.0;
constexpr double kWholeLookBetween = 0.25;
constexpr double kLookBetween = 0.08;
// Time constants by digits that a polynomial can show.
constexpr double kMostDetail = 60.0;
// Steps from which on differencing takes as few, which cost a fifth.
constexpr double kMostSteps = 2.0;
// What may be paid for the smaller errors of few steps.
constexpr double kAsGood = 1.2;
// Of a run until the best test error, each step's nodes included.
constexpr double kSetUpToBest = 15.0;
constexpr double kStepCostToBest = 20.0;
constexpr double kLookToBest = 1.5;
// Beyond it a step's own estimate says too little of what lies between its ends.
constexpr double kLoosest = 1e-2;

} // namespace

template <class Scalar> bool SplitPlan<Scalar>::sound() const {
  return std::isfinite(stiffness + levels.residual + static_cast<double>(levels.lam));
}

template <class Scalar>
IntegratorOptions SplitPlan<Scalar>::steps(const IntegratorOptions& given) const {
  IntegratorOptions options = given;
  options.method = "splitting";
  options.rtol = std::min(given.rtol, kLoosest);
  options.first_step = first_step;
  options.growth = kGrowth;
  options.most_steps = most_steps;
  return options;
}

// The numbers are fits to what bench/bench_flow.py counts.
template <class Scalar>
SplitPlan<Scalar> plan_split(GramFlow<Scalar>& flow,
                             const Vector<Scalar>& state,
                             const SplitRequest& request) {
  SplitPlan<Scalar> plan;
  plan.levels = fitted_levels<Scalar>(flow, state);
  const auto lam = static_cast<double>(plan.levels.lam);
  const double kappa = plan.kappa =
      std::sqrt(static_cast<double>(plan.levels.mu) + 0.25 * lam * lam) + 1e-100;
  const double top_mode = flow.target_size() + 1e-100;
  const double rtol = request.rtol;

  // Time in which the first mode is learned.
  const double first = (1.0 + std::asinh(top_mode / kappa)) / std::max(top_mode, kappa);
  const double span =
      request.until_best ? std::min(request.span, 4.0 * first) : request.span;

  Vector<Scalar> slope(state.size());
  flow.slope(state, slope);
  plan.stiffness = flow.radius_bound(state) * span;
  // By exponential differencing the better modes are apart (a residual near 0) and the
  // less they have to grow, the fewer steps.
  const double form = request.integrable ? 1.0 : 2.0;
  const double growth = 1.0 + 0.076 * std::max(std::log10(0.1 * top_mode / kappa), 0.0);
  plan.right_hand_sides =
      request.differencing
          ? std::max(10.7 * std::pow(plan.levels.residual, 0.35) * growth *
                         std::log2(1.0 + plan.stiffness) * std::pow(1e-4 / rtol, 0.185),
                     5.0)
          : form * (10.0 + 12.0 * std::sqrt(plan.stiffness)) *
                std::pow(1e-4 / rtol, 1.0 / 6.0);
  const double each_look = request.whole ? kWholeLookBetween : kLookBetween;
  plan.integrated =
      request.until_best // errors at a few nodes of each step tell where it ends
          ? 1.2 * plan.right_hand_sides
          : request.differencing
                ? kSetUp + plan.right_hand_sides + each_look * request.looks
                : plan.right_hand_sides +
                      (request.integrable ? 0.3 : 1.4) * request.looks;

  // Steps grow from there; where the closed form itself is right, and corrections to it
  // do not grow (as e^{κt}), one does it all.
  const double off = 0.2 * std::min(1.0, kappa / top_mode) * plan.levels.residual;
  plan.fineness = std::cbrt(std::max(off / rtol, 1.0));
  const bool at_once = off < kNegligible * rtol && kappa * request.span < 1.0;
  const double steps =
      at_once
          ? 1.0
          : (1.0 + std::log(1.0 + span / first) / std::log(kGrowth)) * plan.fineness;
  // Many looks in a step are read off a polynomial through some, which takes more of
  // them the more time constants and digits there are, until it takes too many.
  const double detail = top_mode * request.span * -std::log10(std::min(rtol, 0.1));
  const double nodes = !at_once               ? 2.0 * steps
                       : detail < kMostDetail ? 8.0 + 0.6 * detail
                                              : request.looks;
  const double within = request.looks > 1.0
                            ? kWithin * steps + kSolved * std::min(request.looks, nodes)
                            : 0.0;
  const double split =
      request.until_best
          ? kSetUpToBest + kStepCostToBest * steps + kLookToBest * request.looks
          : kStepCost * steps + within +
                (request.whole ? kWholeLook : kLook) * request.looks;
  const bool few = steps <= kMostSteps || request.until_best || !request.differencing;
  plan.pays = few && split < (request.until_best ? 1.0 : kAsGood) * plan.integrated;
  plan.first_step =
      at_once ? request.span : std::min(request.span, first / plan.fineness);
  plan.most_steps = 2.0 + 0.5 * plan.integrated / kStepCostToBest;
  return plan;
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template struct SplitPlan<Scalar>;                                                   \
  template SplitPlan<Scalar> plan_split<Scalar>(                                       \
      GramFlow<Scalar>&, const Vector<Scalar>&, const SplitRequest&);

LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
