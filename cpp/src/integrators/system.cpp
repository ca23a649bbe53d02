#include "linflow/integrators/system.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace linflow {
namespace {

constexpr Index kBlock = 1024;
constexpr std::size_t kMostColumns = 16;

} // namespace

template <class Scalar>
void combine(const Vector<Scalar>& y,
             double h,
             std::span<const double> weights,
             const Matrix<Scalar>& slopes,
             Vector<Scalar>& out) {
  for (Index begin = 0; begin < out.size(); begin += kBlock) {
    const Index count = std::min(kBlock, out.size() - begin);
    auto block = out.segment(begin, count);
    block = y.segment(begin, count);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] != 0.0) {
        block += static_cast<Scalar>(h * weights[i]) *
                 slopes.col(static_cast<Index>(i)).segment(begin, count);
      }
    }
  }
}

template <class Scalar>
double
combined_norm(double h, std::span<const double> weights, const Matrix<Scalar>& slopes) {
  std::array<Scalar, kBlock> buffer{};
  double sum = 0.0;
  for (Index begin = 0; begin < slopes.rows(); begin += kBlock) {
    const Index count = std::min(kBlock, slopes.rows() - begin);
    Eigen::Map<Vector<Scalar>> block(buffer.data(), count);
    block.setZero();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] != 0.0) {
        block += static_cast<Scalar>(h * weights[i]) *
                 slopes.col(static_cast<Index>(i)).segment(begin, count);
      }
    }
    sum += static_cast<double>(block.squaredNorm());
  }
  return std::sqrt(sum);
}

template <class Scalar>
void interpolate(const Step<Scalar>& step, double theta, Vector<Scalar>& out) {
  std::array<double, kMostColumns> weights{};
  for (int i = 0; i < step.columns; ++i) {
    double value = 0.0;
    for (int j = step.degree - 1; j >= 0; --j) {
      value =
          theta * (value + step.dense[static_cast<std::size_t>(i * step.degree + j)]);
    }
    weights[static_cast<std::size_t>(i)] = value;
  }
  combine(step.y,
          step.h,
          {weights.data(), static_cast<std::size_t>(step.columns)},
          step.slopes,
          out);
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template void combine<Scalar>(const Vector<Scalar>&,                                 \
                                double,                                                \
                                std::span<const double>,                               \
                                const Matrix<Scalar>&,                                 \
                                Vector<Scalar>&);                                      \
  template double combined_norm<Scalar>(                                               \
      double, std::span<const double>, const Matrix<Scalar>&);                         \
  template void interpolate<Scalar>(const Step<Scalar>&, double, Vector<Scalar>&);

LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
