// Coordinates of the Gram form in which the flow linearised about its modes is
// diagonal.
//
// In the singular basis of the target, with v_i and u_i the directions of mode i among
// inputs and outputs, P = [[C1, Aᵀ], [A, C2]] is taken along (v_i ± u_i)/√2:
//     in the place of C1_ij: P_{i+,j+},   of C2_ij: P_{i−,j−},   of A_ij: P_{i−,j+};
// a direction that has no partner stays itself. What decays along v_i + u_i at a rate
// of ℓ+_i and along v_i − u_i at ℓ−_i does so in each place at the sum of an entry of
// its row and one of its column: inputs have ℓ+, outputs ℓ−.
#pragma once

#include "linflow/gram.hpp"

namespace linflow {

template <class Scalar> class ModeCoordinates {
public:
  // The first `modes` rows and columns of the target are diagonal.
  ModeCoordinates(const GramFlow<Scalar>& flow, Index modes)
      : flow_(flow), modes_(modes) {}

  // Pairs of directions of which one is a mode from first to last are turned, others
  // stay.
  void set_range(Index first, Index last) {
    first_ = first;
    last_ = last;
  }
  // Afterwards only the lower triangles in the places of C1 and C2 count,
  void to(VectorOut<Scalar> y);
  // as they do before, and A alone is made, or both triangles too.
  void from(VectorOut<Scalar> y, bool whole = true);

private:
  void turn_pairs(VectorOut<Scalar> y);  // of modes
  void turn_others(VectorOut<Scalar> y); // modes and directions without a partner

  const GramFlow<Scalar>& flow_;
  Index modes_;
  Index first_ = 0;
  Index last_ = 0;
  Matrix<Scalar> transposed_; // leading block of A
  Matrix<Scalar> sum_;
};

} // namespace linflow
