// A network of any depth, A = γ W_L … W_1, as one flat vector of weights.
//
// Layers stand one after another, input layer first, each column-major. The gradient of
// C(A) with G = ∇C is dW_l = γ (W_L … W_{l+1})ᵀ G (W_{l−1} … W_1)ᵀ: with the partial
// products from the left and from the right kept, three products per layer (two at the
// ends), which is three in all for L = 2.
#pragma once

#include "linflow/integrators/system.hpp"

#include <vector>

namespace linflow {

struct LayerShape {
  std::vector<Index> widths; // d_in, w_1, …, w_{L−1}, d_out
  std::vector<double> rates; // η_l, one per layer
  double scale = 1.0;        // γ
};

template <class Scalar> class Layers {
public:
  explicit Layers(LayerShape shape);

  [[nodiscard]] Index depth() const { return static_cast<Index>(layers_.size()); }
  [[nodiscard]] Index size() const { return size_; }
  [[nodiscard]] Index d_in() const { return shape_.widths.front(); }
  [[nodiscard]] Index d_out() const { return shape_.widths.back(); }

  // A of the weights y. Keeps what slope() needs.
  void product(const VectorIn<Scalar>& y, Matrix<Scalar>& A);
  // ẏ = −∇ of the same weights as the last product(); may be called with any y there.
  void slope(const VectorIn<Scalar>& y, const Matrix<Scalar>& G, VectorOut<Scalar> dy);
  // ‖∇‖_F of a slope, without the rates.
  [[nodiscard]] double gradient_norm(const VectorIn<Scalar>& dy) const;
  // A bound of the Jacobian's spectral radius for L = 2, NaN for deeper networks:
  // with C of curvature c, γ²(η1 λ(C2) + η2 λ(C1))c + γ√(η1η2)‖G‖. By a few warm
  // matrix-vector products.
  double
  radius_bound(const VectorIn<Scalar>& y, const Matrix<Scalar>& G, double curvature);

private:
  struct Layer {
    Index rows, cols, offset;
    double rate;
  };
  using Map = Eigen::Map<const Matrix<Scalar>>;
  [[nodiscard]] Map weights(const VectorIn<Scalar>& y, std::size_t l) const {
    return {y.data() + layers_[l].offset, layers_[l].rows, layers_[l].cols};
  }

  LayerShape shape_;
  std::vector<Layer> layers_;
  Index size_ = 0;
  std::vector<Matrix<Scalar>> forward_;    // W_l … W_1 for l = 2 … L − 1
  std::vector<Matrix<Scalar>> backward_;   // (W_L … W_{l+1})ᵀ G for l = 2 … L − 1
  std::vector<Vector<Scalar>> directions_; // for W_1, W_2, G
  std::vector<Vector<Scalar>> images_;
};

} // namespace linflow
