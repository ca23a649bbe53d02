// Products of matrices of packs that lie in blocks of B × B, B such that a block of
// sums fills the registers.
#pragma once

#include "linflow/pack.hpp"
#include "linflow/types.hpp"

#include <type_traits>

namespace linflow {

// Beyond kMaxDimension one network fills the vectors as well by itself.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr Index kMaxBlock = 5; // 25 sums and 6 operands in 32 registers
inline constexpr Index kMaxDimension = 50;
#else
inline constexpr Index kMaxBlock = 3; // 9 and 4 in 16
inline constexpr Index kMaxDimension = 32;
#endif

// sums(a, b) += Σ_c P(a, c) Q(b, c) for B × B blocks; strides of P and Q per index.
template <int B, int Pa, int Pc, int Qb, int Qc, class Scalar, class Vector>
inline __attribute__((always_inline)) void
add_block(const Pack<Scalar>* P, const Pack<Scalar>* Q, Vector (&sums)[B][B]) {
  for (int c = 0; c < B; ++c) {
    Vector q[B];
    for (int b = 0; b < B; ++b) {
      q[b] = Q[b * Qb + c * Qc].v;
    }
    for (int a = 0; a < B; ++a) {
      const Vector p = P[a * Pa + c * Pc].v;
      for (int b = 0; b < B; ++b) {
        sums[a][b] += p * q[b];
      }
    }
  }
}

// The same for `count` pairs of blocks, each pair at these distances from the last.
template <int B, int Pa, int Pc, int Qb, int Qc, class Scalar, class Vector>
inline __attribute__((always_inline)) void add_blocks(Index count,
                                                      const Pack<Scalar>* P,
                                                      Index next_P,
                                                      const Pack<Scalar>* Q,
                                                      Index next_Q,
                                                      Vector (&sums)[B][B]) {
  for (Index n = 0; n < count; ++n, P += next_P, Q += next_Q) {
    add_block<B, Pa, Pc, Qb, Qc>(P, Q, sums);
  }
}

// Reads a pack here and not before the products, for which it would take a register too
// many.
template <class Scalar>
inline __attribute__((always_inline)) auto read_late(const Pack<Scalar>& pack) {
  __asm__ volatile("" : : : "memory");
  return pack.v;
}

template <int B, class Scalar, class Vector>
inline __attribute__((always_inline)) void load_block(const Pack<Scalar>* from,
                                                      Vector (&sums)[B][B]) {
  for (int a = 0; a < B; ++a) {
    for (int b = 0; b < B; ++b) {
      sums[a][b] = from[b * B + a].v;
    }
  }
}

template <int B, class Scalar, class Vector>
inline __attribute__((always_inline)) void store_block(const Vector (&sums)[B][B],
                                                       Pack<Scalar>* to) {
  for (int a = 0; a < B; ++a) {
    for (int b = 0; b < B; ++b) {
      to[b * B + a].v = sums[a][b];
    }
  }
}

// Calls kernel(B) with the number of rows of a block as a constant.
template <class Kernel> void with_block(Index block, Kernel&& kernel) {
  switch (block) {
  case 2:
    return kernel(std::integral_constant<int, 2>{});
  case 3:
    return kernel(std::integral_constant<int, 3>{});
  default:
    if constexpr (kMaxBlock > 3) {
      return block == 4 ? kernel(std::integral_constant<int, 4>{})
                        : kernel(std::integral_constant<int, 5>{});
    }
  }
}

} // namespace linflow
