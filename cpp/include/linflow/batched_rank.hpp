// Rank and stable rank of several small matrices at once, one to a vector lane.
//
// Both need the largest singular value and a count, not the values themselves: the Gram
// matrix is brought to tridiagonal form (Householder), its largest eigenvalue found by
// Laguerre's iteration from above, which comes down monotonically and cubically
// (Parlett, The Symmetric Eigenvalue Problem, §§4 and 7), and the eigenvalues above a
// level counted by the signs of pivots. Squaring does no harm here: the values that
// matter are not small beside the largest. A tenth of the time of all singular values
// of one matrix after the other.
#pragma once

#include "linflow/pack.hpp"
#include "linflow/spectrum.hpp"

#include <array>
#include <vector>

namespace linflow {

// A workspace for one shape; a lane is computed from its own matrix alone.
class BatchedRank {
public:
  static constexpr int kLanes = Pack<double>::size;

  BatchedRank(Index rows, Index cols);

  // Puts a matrix into a lane; false when it is not finite, and then not.
  template <class Scalar> bool load(int lane, const Matrix<Scalar>& A);
  // Of all lanes; those that nothing was put into are of no meaning. As RankSummary
  // says, each right to a few ε but where a singular value is as close to the
  // threshold.
  const std::array<RankSummary, kLanes>& compute();

private:
  using Vector = Pack<double>::Vector;
  using Packs = std::vector<Pack<double>>;

  void form_gram();
  void make_tridiagonal();
  [[nodiscard]] Vector largest() const;
  [[nodiscard]] Vector count_above(Vector level) const;

  Index size_;   // of the smaller side
  Index padded_; // to whole blocks, by rows of zeros
  Index depth_;  // of the larger side
  bool tall_;
  Packs A_;    // row by row, along the smaller side
  Packs gram_; // its lower triangle, column by column
  Packs diagonal_;
  Packs squares_; // of the entries beside the diagonal
  Packs reflector_;
  Packs update_;
  std::array<RankSummary, kLanes> summaries_;
};

} // namespace linflow
