// What steps of exponential time differencing err.
#include "linflow/exponential.hpp"

#include "linflow/cholesky.hpp"

#include <algorithm>
#include <cmath>

namespace linflow {
namespace {

// What an error may grow to counts in full once the tolerance is this part of what it
// is at the end, and in proportion before: of growth in few steps errors are few.
// Fitted, as is the next, to errors of starts of 1e-8 to 1e-2 of the target at rtol
// 1e-3 to 1e-8.
constexpr double kGrown = 30.0;
// Of an estimated error that has yet to grow, over others.
constexpr double kUnseen = 4.0;
constexpr double kMostToGrow = 1e20;
// The weight of g² in what a parabola through e^{gτ} is wrong by: of its second
// difference, with the weight of the end.
constexpr double kCurvature = 120.0;
// Part of a mode's own in what there is along its direction, where modes are apart.
constexpr double kLeastOwn = 0.02;
// Of A over the target: from farther out there is much to forget, which steps about
// modes make no shorter.
constexpr double kFarthest = 3.0;

} // namespace

template <class Scalar>
bool InverseGrowth<Scalar>::compute(const GramFlow<Scalar>& flow,
                                    const VectorIn<Scalar>& y,
                                    Index modes) {
  const auto [A, C1, C2] = flow.blocks(y);
  const auto a = A.topLeftCorner(modes, modes);
  growing_ = Scalar(0.5) * (C1.topLeftCorner(modes, modes) +
                            C2.topLeftCorner(modes, modes) + a + a.transpose());
  if (!Cholesky<Scalar>(growing_).positive_definite()) {
    return false;
  }
  growing_.template triangularView<Eigen::StrictlyUpper>().setZero();
  invert_lower<Scalar>(growing_);
  diagonal_ = growing_.colwise().squaredNorm().transpose();
  return true;
}

// An error of P along v_i + u_i grows as 1/(P⁻¹)_ii does, which is less than P_ii where
// some of that has grown already, with other modes.
template <class Scalar>
void ExponentialMethod<Scalar>::weigh_growth(const Vector<Scalar>& y,
                                             double tolerance) {
  const Index outputs = flow_.d_out();
  const Index inputs = flow_.d_in();
  grown_part_ = std::min(kGrown * tolerance / (rtol_ * flow_.target_size()), 1.0);
  to_grow_.out.setOnes(2 * outputs);
  to_grow_.in.setOnes(2 * inputs);
  if (learned_ == active_ && !uneven_) {
    return;
  }
  const bool positive = inverse_.compute(flow_, y, count_);
  for (Index i = 0; i < count_; ++i) {
    const auto& mode = at_start_[static_cast<std::size_t>(i)];
    const double target = mode.value - mode.gap;
    const double growth =
        positive ? target * static_cast<double>(inverse_[i]) : target / mode.half_trace;
    if (growth > 1.0) {
      const auto weight = static_cast<Scalar>(
          std::sqrt(std::min(1.0 + kUnseen * (growth - 1.0), kMostToGrow)));
      to_grow_.in[i] = weight;
      to_grow_.in[inputs + i] = weight;
      to_grow_.out[outputs + i] = weight;
    }
  }
}

// The last stage and the end are both at t + h: the difference of N there, with the
// weight of the former. That sees nothing of what N does by itself, which with growing
// modes is e^{g} over a step: a parabola through e^{gτ} at 0, 1/2, 1 is wrong by about
// g²/120 of its second difference, with the weight of the end; with G that falls from
// learned modes on, by up to all of it. What is yet to grow counts as what it will be.
template <class Scalar> double ExponentialMethod<Scalar>::error(Step<Scalar>& step) {
  step.stage = step.slopes.col(4);
  nonlinear(at_end_, delta_, false, step.stage);
  step.stage = step.slopes.col(3) - step.stage;
  const auto sixth = static_cast<Scalar>(step.h / 6.0);
  const double exponent = 2.0 * growth_ * step.h;
  const auto curved = static_cast<Scalar>(exponent * exponent / kCurvature);
  const double decay = (static_cast<double>(lazy_.out.maxCoeff()) +
                        static_cast<double>(lazy_.in.maxCoeff())) *
                       step.h;
  const auto unseen =
      sixth * static_cast<Scalar>(std::min(decay * decay / kCurvature, 1.0));
  double squared = 0.0;
  double grown = 0.0;
  // Of the places of C1 and C2 one triangle stands for both.
  const auto size = [](const Part& part, const auto& error) {
    const double times = part.row_out == part.column_out ? 2.0 : 1.0;
    return times * static_cast<double>(error.matrix().squaredNorm());
  };
  const auto turn = [&](const Part& part) { // second difference of N
    return entries(N_, part) - entries(step, 1, part) - entries(step, 2, part) +
           entries(step, 3, part);
  };
  for_parts(
      [&](const Part& part) {
        auto z = z_.head(part.size);
        const auto weight = column(to_grow_, part) * rows(to_grow_, part);
        z = entries(step.stage, part) * entries(last_, part);
        squared += size(part, z);
        grown += size(part, weight * z);
        if (curved > Scalar(0)) {
          z = curved * entries(last_, part) * turn(part);
          squared += size(part, z);
          grown += size(part, weight * z);
        }
      },
      [&](const Part& part) {
        squared += size(part, sixth * entries(step.stage, part));
      },
      [&](const Part& part) {
        const auto error = sixth * entries(step.stage, part);
        squared += size(part, error);
        grown += size(part, column(to_grow_, part) * rows(to_grow_, part) * error);
        if (part.column < learned_) {
          squared += size(part, unseen * turn(part));
        }
      });
  return std::max(std::sqrt(squared), grown_part_ * std::sqrt(grown));
}

template <class Scalar>
bool modes_apart(const GramFlow<Scalar>& flow,
                 const Vector<Scalar>& state,
                 Index modes) {
  const auto [A, C1, C2] = flow.blocks(state);
  InverseGrowth<Scalar> inverse;
  if (static_cast<double>(A.norm()) > kFarthest * flow.target_size() ||
      !inverse.compute(flow, state, modes)) {
    return false;
  }
  double least = 1.0;
  for (Index i = 0; i < modes; ++i) {
    const auto all = static_cast<double>(A(i, i) + (C1(i, i) + C2(i, i)) / 2);
    least = std::min(least, 1.0 / (static_cast<double>(inverse[i]) * all));
  }
  return least >= kLeastOwn;
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template class InverseGrowth<Scalar>;                                                \
  template bool modes_apart<Scalar>(                                                   \
      const GramFlow<Scalar>&, const Vector<Scalar>&, Index);                          \
  template void ExponentialMethod<Scalar>::weigh_growth(const Vector<Scalar>&,         \
                                                        double);                       \
  template double ExponentialMethod<Scalar>::error(Step<Scalar>&);
LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
