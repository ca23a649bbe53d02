// Single modes of the self-consistent dynamics, theory.md section 5 ([TAJ] eq. 1 for
// aligned modes): ds/dt = 2 sqrt(s^2 + kappa^2) (s* - s).
//
// With R = sqrt(s*^2 + kappa^2), c = sqrt(s0^2 + kappa^2), N = R coth(tR) and
// h = R / sinh(tR) the solution is the rational function
//     s(t) = [2 s* (kappa^2 + c N + s0 s*) + h^2 s0] / [(c - s0 + N + s*)(c + s0 + N -
//     s*)],
// the scalar case of the residual form in riccati.hpp. For s* >= 0 (else flip all
// signs) and s0 >= 0 every term is positive; for s0 < 0 it is rearranged so that only
// one subtraction is left, the one that makes s pass through zero. Limits need no
// branch of their own: kappa -> 0 is the logistic curve, kappa -> infinity the
// exponential one, R -> 0 gives N = h = 1/t.
#pragma once

#include "linflow/types.hpp"

namespace linflow {

// s(t). kappa >= 0 (infinity: the target at once), t >= 0 (infinity: the limit).
template <class S> S mode_value(S t, S s0, S target, S kappa);

// Smallest t >= 0 with s(t) = s1; infinity when it is never reached.
template <class S> S mode_time(S s1, S s0, S target, S kappa);

// out(k, i) = s(times[k]; s0[i], target[i], kappa[i]): one column per curve.
template <class S>
void mode_curves(const Vector<S>& times,
                 const Vector<S>& s0,
                 const Vector<S>& target,
                 const Vector<S>& kappa,
                 Block<S> out);

} // namespace linflow
