// Numbers of several matrices side by side, one to a vector lane.
#pragma once

#include <type_traits>

namespace linflow {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

// As many numbers as a vector register holds, one of each matrix.
template <class Scalar> struct Pack {
  static constexpr int size = kVectorBytes / static_cast<int>(sizeof(Scalar));
  typedef Scalar Vector __attribute__((vector_size(kVectorBytes))); // NOLINT
  Vector v;
};

// The numbers of a pack in float64.
typedef double WideOfDoubles __attribute__((vector_size(kVectorBytes)));    // NOLINT
typedef double WideOfFloats __attribute__((vector_size(2 * kVectorBytes))); // NOLINT
template <class Scalar>
using Wide =
    std::conditional_t<std::is_same_v<Scalar, double>, WideOfDoubles, WideOfFloats>;

// What comparing a register of doubles gives: -1 or 0 in each lane.
using MaskOfDoubles = decltype(WideOfDoubles{} < WideOfDoubles{});

inline bool any(const MaskOfDoubles& mask) {
  auto found = mask[0];
  for (int lane = 1; lane < Pack<double>::size; ++lane) {
    found |= mask[lane];
  }
  return found != 0;
}

} // namespace linflow
