// The two-level start nearest to a network.
#pragma once

#include "linflow/gram.hpp"

namespace linflow {

// λ and μ ≥ 0 of the two levels nearest, in least squares, to the spectrum of PJ.
template <class Scalar> struct Levels {
  Scalar lam = 0;
  Scalar mu = 0;
  double residual = 0.0; // ‖x² + λx − μ‖₂ / ‖x²‖₂ over the spectrum; NaN
                         // where fourth powers overflow
};
template <class Scalar>
Levels<Scalar> fitted_levels(const GramFlow<Scalar>& flow, const VectorIn<Scalar>& y);

} // namespace linflow
