#include "linflow/fixed_steps.hpp"

#include "linflow/flow_steps.hpp"

#include <limits>

namespace linflow {

template <class Scalar>
FixedSteps<Scalar>::FixedSteps(const Objective<Scalar>& objective,
                               const Matrix<Scalar>& X,
                               const Matrix<Scalar>& Y,
                               double step_size)
    : cost_(quadratic_data(objective)),
      flow_(cost_, {{X.rows(), X.cols(), Y.rows()}, {1.0, 1.0}, 1.0}),
      integrator_(flow_, IntegratorOptions{.method = "rk4", .fixed_step = step_size}),
      product_(objective.d_out(), objective.d_in()) {
  integrator_.begin(pack_factors<Scalar>(X, Y));
}

// A state that is not finite stays, and shows in its errors.
template <class Scalar> void FixedSteps<Scalar>::advance() {
  integrator_.attempt(std::numeric_limits<double>::infinity());
  integrator_.commit();
}

template class FixedSteps<double>;
template class FixedSteps<float>;

} // namespace linflow
