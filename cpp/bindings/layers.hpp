// Lists of weight matrices to and from the core's flat vectors.
#pragma once

#include "bindings.hpp"

#include "linflow/layers.hpp"

namespace linflow::bindings {

template <class Scalar>
py::list unpack_layers(const Vector<Scalar>& y, const std::vector<Index>& widths) {
  py::list out;
  Index offset = 0;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    out.append(Matrix<Scalar>(
        Eigen::Map<const Matrix<Scalar>>(y.data() + offset, widths[l + 1], widths[l])));
    offset += widths[l + 1] * widths[l];
  }
  return out;
}

template <class Scalar>
Vector<Scalar> pack_layers(const std::vector<Matrix<Scalar>>& layers) {
  Index size = 0;
  for (const auto& layer : layers) {
    size += layer.size();
  }
  Vector<Scalar> y(size);
  Index offset = 0;
  for (const auto& layer : layers) {
    y.segment(offset, layer.size()) =
        Eigen::Map<const Vector<Scalar>>(layer.data(), layer.size());
    offset += layer.size();
  }
  return y;
}

template <class Scalar>
LayerShape layer_shape(const std::vector<Matrix<Scalar>>& layers,
                       std::vector<double> rates,
                       double scale) {
  LayerShape shape{{layers.front().cols()}, std::move(rates), scale};
  for (const auto& layer : layers) {
    if (layer.cols() != shape.widths.back()) {
      throw std::invalid_argument("layers: consecutive layers must share a width");
    }
    shape.widths.push_back(layer.rows());
  }
  return shape;
}

} // namespace linflow::bindings
