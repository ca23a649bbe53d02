#include "linflow/integrators/system.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace linflow {
namespace {

constexpr Index kBlock = 1024;
constexpr Index kShortBlock = 256; // so that a block of every slope stays there
constexpr int kMostColumns = 16;

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
void interpolate(const Step<Scalar>& step,
                 std::span<const double> thetas,
                 Block<Scalar> out) {
  const auto columns = static_cast<Index>(step.columns);
  const auto count = static_cast<Index>(thetas.size());
  Eigen::Array<Scalar, kMostColumns, kMostTimes> weights;
  for (Index m = 0; m < count; ++m) {
    const double theta = thetas[static_cast<std::size_t>(m)];
    for (Index i = 0; i < columns; ++i) {
      double value = 0.0;
      for (Index j = step.degree - 1; j >= 0; --j) {
        value =
            theta * (value + step.dense[static_cast<std::size_t>(i * step.degree + j)]);
      }
      weights(i, m) = static_cast<Scalar>(step.h * value);
    }
  }
  for (Index begin = 0; begin < out.rows(); begin += kShortBlock) {
    const Index length = std::min(kShortBlock, out.rows() - begin);
    for (Index m = 0; m < count; ++m) {
      auto block = out.col(m).segment(begin, length);
      block = step.y.segment(begin, length);
      for (Index i = 0; i < columns; ++i) {
        if (weights(i, m) != Scalar(0)) {
          block += weights(i, m) * step.slopes.col(i).segment(begin, length);
        }
      }
    }
  }
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template void combine<Scalar>(const Vector<Scalar>&,                                 \
                                double,                                                \
                                std::span<const double>,                               \
                                const Matrix<Scalar>&,                                 \
                                Vector<Scalar>&);                                      \
  template double combined_norm<Scalar>(                                               \
      double, std::span<const double>, const Matrix<Scalar>&);                         \
  template void interpolate<Scalar>(                                                   \
      const Step<Scalar>&, std::span<const double>, Block<Scalar>);

LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
