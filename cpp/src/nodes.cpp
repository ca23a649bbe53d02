#include "linflow/nodes.hpp"

#include "linflow/products.hpp"

#include <array>
#include <cmath>
#include <numbers>

namespace linflow {
namespace {

constexpr int kTopNodes = NodeInterpolation<double>::kMost;

// Of the finest grid, in the order of levels: 0, 32; 16; 8, 24; 4, 12, 20, 28; 2, 6, …
constexpr std::array<int, kTopNodes> kOrder = [] {
  std::array<int, kTopNodes> order{};
  constexpr int finest = kTopNodes - 1;
  order[0] = 0;
  order[1] = finest;
  std::size_t k = 2;
  for (int stride = finest / 2; stride > 0; stride /= 2) {
    for (int i = stride; i < finest; i += 2 * stride) {
      order.at(k++) = i;
    }
  }
  return order;
}();

} // namespace

template <class Scalar> double NodeInterpolation<Scalar>::node(int k) {
  const int i = kOrder.at(static_cast<std::size_t>(k));
  return 0.5 - 0.5 * std::cos(std::numbers::pi * i / (kMost - 1));
}

// The barycentric formula, whose weights at Chebyshev points are ±1, halved at the
// ends.
template <class Scalar>
void NodeInterpolation<Scalar>::evaluate(std::span<const double> thetas,
                                         int level,
                                         Block<Scalar> out) {
  const int nodes = count(level);
  const int stride = (kMost - 1) >> level;
  weights_.resize(nodes, static_cast<Index>(thetas.size()));
  for (std::size_t j = 0; j < thetas.size(); ++j) {
    const auto column = static_cast<Index>(j);
    std::array<double, kMost> parts{};
    double sum = 0.0;
    int met = -1;
    for (int k = 0; k < nodes; ++k) {
      const auto at = static_cast<std::size_t>(k);
      const int place = kOrder.at(at) / stride;
      const double distance = thetas[j] - node(k);
      if (distance == 0.0) {
        met = k;
        break;
      }
      parts.at(at) = (place % 2 == 0 ? 1.0 : -1.0) * (k < 2 ? 0.5 : 1.0) / distance;
      sum += parts.at(at);
    }
    for (int k = 0; k < nodes; ++k) {
      const double part = met >= 0 ? (k == met ? 1.0 : 0.0)
                                   : parts.at(static_cast<std::size_t>(k)) / sum;
      weights_(k, column) = static_cast<Scalar>(part);
    }
  }
  out.setZero();
  add_product<Scalar>(Scalar(1), values_.leftCols(nodes), weights_, out);
}

template class NodeInterpolation<double>;
template class NodeInterpolation<float>;

} // namespace linflow
