#include "linflow/batched_flow.hpp"

#include "linflow/pack_blocks.hpp"

namespace linflow {

template <class Scalar>
BatchedFlow<Scalar>::BatchedFlow(Index d_out, Index d_in, Index units)
    : Base(d_out, d_in, units), stage_X_(this->X_), stage_Y_(this->Y_),
      sum_X_(this->X_), sum_Y_(this->Y_) {}

template <class Scalar> void BatchedFlow<Scalar>::advance() {
  with_block(this->block_, [&](auto B) {
    // In units of the step: k/2, k/2 and k from the start; (k1 + 2 k2 + 2 k3 + k4)/6.
    go_on<B, Stage::first>(Scalar(0.5), Scalar(1.0 / 6.0));
    find_residual<B>();
    go_on<B, Stage::middle>(Scalar(0.5), Scalar(1.0 / 3.0));
    find_residual<B>();
    go_on<B, Stage::middle>(Scalar(1), Scalar(1.0 / 3.0));
    find_residual<B>();
    go_on<B, Stage::last>(Scalar(0), Scalar(1.0 / 6.0));
  });
}

// G of the stage.
template <class Scalar> template <int B> void BatchedFlow<Scalar>::find_residual() {
  using Vector = typename Pack<Scalar>::Vector;
  constexpr Index size = B * B;
  const Pack<Scalar>* X = stage_X_.data() + stage_first_ * size;
  for (Index i = 0; i < this->rows_out_; ++i) {
    for (Index j = 0; j < this->rows_in_; ++j) {
      const Index at = (i * this->rows_in_ + j) * size;
      Vector sums[B][B];
      load_block<B>(this->minus_target_.data() + at, sums);
      add_blocks<B, 1, B, 1, B>(this->columns_now_,
                                stage_Y_.data() + i * this->columns_ * size,
                                size,
                                X + j * (this->columns_ + 1) * size,
                                size,
                                sums);
      store_block<B>(sums, this->spare_.data() + at);
    }
  }
}

// With k = (Gᵀ Y, G X) of the stage: from the start by −next·step·k to the next stage,
// and by −weight·step·k towards the end of the step. The new column of X goes to the
// place beside the old one, as in descent.
template <class Scalar>
template <int B, typename BatchedFlow<Scalar>::Stage stage>
void BatchedFlow<Scalar>::go_on(Scalar next, Scalar weight) {
  using Vector = typename Pack<Scalar>::Vector;
  constexpr Index size = B * B;
  constexpr bool first = stage == Stage::first;
  constexpr bool last = stage == Stage::last;
  const Index stride_X = (this->columns_ + 1) * size;
  const Index stride_Y = this->columns_ * size;
  const Pack<Scalar>* G = (first ? this->residual_ : this->spare_).data();
  const Pack<Scalar> far{next * this->step_size_.v};
  const Pack<Scalar> part{weight * this->step_size_.v};
  // Where the stage's weights are read, and those of the next are written.
  const Pack<Scalar>* read_X =
      first ? this->X_.data() : stage_X_.data() + stage_first_ * size;
  const Pack<Scalar>* read_Y = first ? this->Y_.data() : stage_Y_.data();
  const Index shift = first ? 0 : stage_first_ == 0 ? 1 : -1;
  Pack<Scalar>* write_X = stage_X_.data() + (first ? 0 : stage_first_ + shift) * size;

  const auto move = [&](const Vector(&k)[B][B],
                        Pack<Scalar>* start,
                        Pack<Scalar>* sum,
                        Pack<Scalar>* to) {
    const Pack<Scalar>* so_far = first ? start : sum;
    Pack<Scalar>* ahead = last ? start : sum;
    const Vector far_now = read_late(far);
    const Vector part_now = part.v;
#pragma GCC unroll 5
    for (int b = 0; b < B; ++b) {
#pragma GCC unroll 5
      for (int a = 0; a < B; ++a) {
        const int at = b * B + a;
        if constexpr (!last) {
          to[at].v = start[at].v - far_now * k[a][b];
        }
        ahead[at].v = so_far[at].v - part_now * k[a][b];
      }
    }
  };
  for (Index n = 0; n < this->columns_now_; ++n) {
    const Index column = (shift > 0 ? this->columns_now_ - 1 - n : n) * size;
    for (Index j = 0; j < this->rows_in_; ++j) {
      Vector k[B][B] = {};
      add_blocks<B, B, 1, B, 1>(this->rows_out_,
                                G + j * size,
                                this->rows_in_ * size,
                                read_Y + column,
                                stride_Y,
                                k);
      const Index at = j * stride_X + column;
      move(k, this->X_.data() + at, sum_X_.data() + at, write_X + at);
    }
    for (Index i = 0; i < this->rows_out_; ++i) {
      Vector k[B][B] = {};
      add_blocks<B, 1, B, B, 1>(this->rows_in_,
                                G + i * this->rows_in_ * size,
                                size,
                                read_X + column,
                                stride_X,
                                k);
      const Index at = i * stride_Y + column;
      move(k, this->Y_.data() + at, sum_Y_.data() + at, stage_Y_.data() + at);
    }
  }
  stage_first_ = last || first ? 0 : stage_first_ + shift;
}

template class BatchedFlow<double>;
template class BatchedFlow<float>;

} // namespace linflow
