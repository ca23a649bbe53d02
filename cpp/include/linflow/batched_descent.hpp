// Gradient descent of several small networks at once, one to a vector lane.
//
// The products of a small network are too short for vectors along its own dimensions.
// Here every entry is a vector over networks ("structure of arrays"), so that each
// multiplication serves as many networks as the vector has lanes: at d = 10 four times
// as fast as one network after the other, at d = 50 still 1.3 times. The matrices lie
// in blocks of B × B entries, B such that a block of sums fills the registers; rows and
// hidden units that pad the last block are zero and stay so.
//
// A lane is computed from its own network alone: neither its neighbours nor the padding
// change a bit of it.
#pragma once

#include "linflow/objective.hpp"
#include "linflow/pack.hpp"

#include <array>
#include <span>
#include <vector>

namespace linflow {

// Whether networks of this shape are worth batching; depends on the shape alone, so
// that a network has the same bits in any company.
bool worth_batching(Index d_out, Index d_in);

template <class Scalar> class BatchedDescent {
public:
  static constexpr int kLanes = Pack<Scalar>::size;
  using Numbers = Wide<Scalar>; // one of each lane
  using LaneFlags = std::array<bool, kLanes>;

  // For networks of at most `units` hidden units.
  BatchedDescent(Index d_out, Index d_in, Index units);
  BatchedDescent(const BatchedDescent&) = delete;
  BatchedDescent& operator=(const BatchedDescent&) = delete;
  virtual ~BatchedDescent() = default;

  // Puts a network into a lane, of which the rows of X and then those of Y are given;
  // the objective must outlive it. The next advance() leaves it as it is, so that its
  // step 0 comes with the next measure(). A lane that diverged has to be cleared
  // before.
  void load(int lane,
            const Objective<Scalar>& objective,
            double step_size,
            std::span<const double> rows);
  void clear(int lane);

  // All lanes: errors of the present state; one step (which needs measure()).
  void measure(Numbers& train, Numbers& test);
  virtual void advance();

  // Keeps, in the lanes that are set, the learned matrices of the measure() before the
  // last, until advance().
  void keep(const LaneFlags& lanes);
  // The matrix of the last measure(), right to rounding errors of its own however small
  // it is; needs the weights of that, so comes before advance().
  void product(int lane, Matrix<Scalar>& out);
  // The one kept; false when it has lost its digits to the target.
  bool kept(int lane, Matrix<Scalar>& out) const;

protected:
  using Packs = std::vector<Pack<Scalar>>;
  [[nodiscard]] Packs zeros(Index rows, Index columns) const { // in blocks
    return Packs(static_cast<std::size_t>(rows * columns * block_ * block_),
                 Pack<Scalar>{});
  }

  Index block_;    // rows of a block
  Index rows_out_; // in blocks
  Index rows_in_;
  Index columns_;     // of X and Y, in blocks: room
  Index columns_now_; // in use by any lane
  Packs X_;           // one column of blocks more than in use, the first or the last
  Packs Y_;
  Packs minus_target_;
  Packs residual_;           // G
  Packs spare_;              // G of the measure() before; advance() may write over it
  Pack<Scalar> step_size_{}; // zero in lanes that are not to move yet

private:
  template <int B> void measure_blocks(Numbers& train, Numbers& test);
  template <int B> void advance_blocks();

  // An entry of a matrix that is `columns` blocks wide lies at the sum of these.
  [[nodiscard]] Index row_place(Index row, Index columns) const {
    return row / block_ * columns * block_ * block_ + row % block_;
  }
  [[nodiscard]] Index col_place(Index col) const {
    return col / block_ * block_ * block_ + col % block_ * block_;
  }
  void
  fill(const Matrix<Scalar>& from, int lane, Pack<Scalar>* to, Scalar sign = Scalar(1));
  template <int B>
  static void fill_row(std::span<const double> row, int lane, Pack<Scalar>* to);
  void take(const Pack<Scalar>* from, Index columns, int lane, Block<Scalar> out) const;
  void read(const Packs& residual, int lane, Matrix<Scalar>& out) const;
  void update_units();

  Index d_out_;
  Index d_in_;
  Index first_ = 0; // of X's columns of blocks
  std::array<const Objective<Scalar>*, kLanes> objectives_{};
  std::array<Index, kLanes> units_{};
  std::vector<Index> col_places_;
  Packs noise_;
  Packs kept_;            // G
  Matrix<Scalar> lane_X_; // of the lane whose weights are read
  Matrix<Scalar> lane_Y_;
  Pack<Scalar> next_step_size_{};
  Numbers entries_{};  // of a matrix
  Numbers no_truth_{}; // NaN in lanes without a truth, otherwise zero
};

} // namespace linflow
