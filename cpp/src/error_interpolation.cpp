#include "linflow/error_interpolation.hpp"

#include <cmath>
#include <numbers>

namespace linflow {

std::vector<double> chebyshev_nodes(Index count) {
  std::vector<double> nodes;
  for (Index i = 0; i < count; ++i) {
    const double angle =
        std::numbers::pi * static_cast<double>(i) / static_cast<double>(count - 1);
    nodes.push_back(0.5 - 0.5 * std::cos(angle));
  }
  return nodes;
}

// The barycentric weights of these points are ±1, halved at the ends.
Errors interpolate_errors(const std::vector<double>& nodes,
                          const std::vector<Errors>& values,
                          double theta) {
  double sum = 0.0;
  Errors out{0.0, 0.0};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const double distance = theta - nodes[i];
    if (distance == 0.0) {
      return values[i];
    }
    const bool at_end = i == 0 || i + 1 == nodes.size();
    const double weight = (i % 2 == 0 ? 1.0 : -1.0) * (at_end ? 0.5 : 1.0) / distance;
    sum += weight;
    out.train += weight * values[i].train;
    out.test += weight * values[i].test;
  }
  return {out.train / sum, out.test / sum};
}

} // namespace linflow
