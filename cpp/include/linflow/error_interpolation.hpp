// Errors of a run between a few times of an interval, by a polynomial in time.
#pragma once

#include "linflow/types.hpp"

#include <vector>

namespace linflow {

// Chebyshev points of the second kind, 0 to 1, ends included: every second of 2n + 1 of
// them is one of n + 1.
std::vector<double> chebyshev_nodes(Index count);

// The polynomial through values at such nodes, at theta in [0, 1].
Errors interpolate_errors(const std::vector<double>& nodes,
                          const std::vector<Errors>& values,
                          double theta);

} // namespace linflow
