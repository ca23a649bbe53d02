#include "linflow/batched_ensemble.hpp"

#include "linflow/batched_flow.hpp"
#include "linflow/batched_rank.hpp"
#include "linflow/network.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

namespace linflow {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

template <class Scalar>
std::unique_ptr<BatchedDescent<Scalar>>
make_networks(const Objective<Scalar>& objective, DynamicsKind kind, Index units) {
  const Index d_out = objective.d_out();
  const Index d_in = objective.d_in();
  if (kind == DynamicsKind::gradient_flow_rk4) {
    return std::make_unique<BatchedFlow<Scalar>>(d_out, d_in, units);
  }
  return std::make_unique<BatchedDescent<Scalar>>(d_out, d_in, units);
}

// The batch of one thread.
template <class Scalar> class Batch {
public:
  Batch(std::span<const EnsembleTask<Scalar>> tasks,
        std::span<const Cell> cells,
        std::span<const Index> order,
        const EnsembleOptions& options,
        Index units,
        const MakeCompanion<Scalar>& make_companion,
        std::span<CellResult> results)
      : tasks_(tasks), cells_(cells), order_(order), options_(options),
        results_(results),
        networks_(make_networks(tasks[0].objective(), options.dynamics, units)),
        rank_(tasks[0].objective().d_out(), tasks[0].objective().d_in()),
        observing_(make_companion || options.spectrum.crossings) {
    lanes_.reserve(kLanes);
    for (std::size_t i = 0; i < kLanes; ++i) {
      lanes_.emplace_back(
          tasks[0].objective().d_out(), tasks[0].objective().d_in(), options);
      if (make_companion) {
        lanes_.back().companion = make_companion();
      }
    }
  }

  void run(JobQueue& queue, Control& control) {
    train(queue, control);
    rank_ended();
  }

private:
  static constexpr int kLanes = BatchedDescent<Scalar>::kLanes;

  void train(JobQueue& queue, Control& control) {
    for (int lane = 0; lane < kLanes; ++lane) {
      refill(lane, queue);
    }
    while (live_ > 0) {
      networks_->measure(errors_);
      // A cell keeps its step when it is cancelled here; it then counts as not run.
      if ((observing_ || ++looks_ % kLooksPerPoll == 0) && control(0)) {
        return;
      }
      keep_.fill(false);
      bool any_kept = false;
      bool any_ended = false;
      for (std::size_t i = 0; i < kLanes; ++i) {
        Lane& lane = lanes_[i];
        if (lane.running) {
          const bool was_best = lane.is_best;
          lane.is_best = look(lane, errors_[i]);
          keep_[i] = was_best && !lane.is_best;
          any_kept = any_kept || keep_[i];
          any_ended = any_ended || lane.result.status != Status::pending;
          if (observing_) {
            observe(static_cast<int>(i));
          }
          ++lane.step;
        }
      }
      if (any_kept) {
        networks_->keep(keep_);
      }
      for (int lane = 0; lane < kLanes && any_ended; ++lane) {
        Lane& here = lanes_[static_cast<std::size_t>(lane)];
        if (here.running && here.result.status != Status::pending) {
          finish(lane);
          if (here.result.status == Status::diverged) {
            networks_->clear(lane);
          }
          queue.finish();
          refill(lane, queue);
        }
      }
      networks_->advance();
    }
  }

  static constexpr Index kLooksPerPoll = 16; // a poll costs as much as small steps

  struct Lane {
    Lane(Index d_out, Index d_in, const EnsembleOptions& options)
        : stop(options.stop), spectrum(d_out, d_in, options.spectrum) {}

    bool running = false;
    bool has_truth = false;
    bool is_best = false; // the matrix of the last look
    Index cell = 0;
    Index step = 0;
    double began = 0.0;
    StopState stop;
    CellResult result;
    CellSpectrum<Scalar> spectrum;
    std::unique_ptr<Companion<Scalar>> companion;
  };

  // Looks at the errors of a lane; whether its matrix is the best so far. The status of
  // a run that ended is no longer pending.
  bool look(Lane& lane, const Errors& errors) {
    CellResult& result = lane.result;
    result.status = lane.stop.check(lane.step, errors);
    if (lane.step == 0) {
      result.first_train_error = errors.train;
    }
    result.final_train_error = errors.train;
    const bool better = lane.has_truth ? !(errors.test >= result.min_test_error) &&
                                             std::isfinite(errors.test)
                                       : result.status != Status::pending;
    if (better) {
      result.min_test_error = errors.test;
      result.best_step = static_cast<double>(lane.step);
    }
    return better;
  }

  // The same of its matrix.
  void observe(int index) {
    Lane& lane = lanes_[static_cast<std::size_t>(index)];
    networks_->product(index, product_);
    if (lane.spectrum.wants_steps()) {
      lane.spectrum.step(lane.step, product_);
    }
    if (lane.companion) {
      const double distance = lane.companion->distance(lane.step, product_);
      CellResult& result = lane.result;
      result.distance = lane.step == 0 ? distance : std::max(result.distance, distance);
    }
  }

  void finish(int index) {
    Lane& lane = lanes_[static_cast<std::size_t>(index)];
    const auto i = static_cast<std::size_t>(lane.cell);
    lane.result.steps = static_cast<double>(lane.step - 1);
    if (!std::isnan(lane.result.best_step)) {
      const Index task = cells_[i].task;
      const auto& objective = tasks_[static_cast<std::size_t>(task)].objective();
      if (lane.is_best) {
        networks_->product(index, product_);
      } else {
        networks_->kept(index, product_);
      }
      lane.result.spectrum = lane.spectrum.summary(product_, task, objective.target());
    }
    pass_time();
    lane.result.duration = shared_ - lane.began;
    results_[i] = lane.result;
    if (!std::isnan(lane.result.best_step) && product_.allFinite()) {
      rank_.load(ended_, product_);
      ended_cells_[static_cast<std::size_t>(ended_++)] = i;
      if (ended_ == BatchedRank::kLanes) {
        rank_ended();
      }
    }
    lane.running = false;
    --live_;
  }

  // The ranks of cells that ended, as many together as there are lanes.
  void rank_ended() {
    if (ended_ == 0) {
      return;
    }
    const auto& summaries = rank_.compute();
    for (std::size_t k = 0; k < static_cast<std::size_t>(ended_); ++k) {
      CellSpectrumResult& out = results_[ended_cells_[k]].spectrum;
      out.rank = summaries[k].rank;
      out.stable_rank = summaries[k].stable_rank;
    }
    ended_ = 0;
  }

  void refill(int index, JobQueue& queue) {
    const auto taken = queue.take();
    if (!taken) {
      networks_->clear(index);
      return;
    }
    pass_time();
    Lane& lane = lanes_[static_cast<std::size_t>(index)];
    lane.cell = order_[static_cast<std::size_t>(*taken)];
    const Cell& cell = cells_[static_cast<std::size_t>(lane.cell)];
    const auto& task = tasks_[static_cast<std::size_t>(cell.task)];
    const auto& objective = task.objective();
    const Index units = hidden_units(cell.width, objective.d_in(), objective.d_out());
    X_.resize(objective.d_in(), units);
    Y_.resize(objective.d_out(), units);
    Pcg64 stream(cell.seed);
    draw_gaussian<Scalar>(stream, cell.width, cell.variance1, cell.variance2, X_, Y_);
    networks_->load(index, objective, cell.step_size, X_, Y_);
    lane.running = true;
    lane.has_truth = objective.has_truth();
    lane.is_best = false;
    lane.step = 0;
    lane.began = shared_;
    lane.stop = StopState(options_.stop);
    lane.result = CellResult{};
    lane.spectrum.begin(0.5 * (cell.variance1 + cell.variance2) * cell.width);
    if (lane.companion) {
      lane.companion->begin(task, cell, X_, Y_);
    }
    ++live_;
  }

  // A cell's duration is its share of the time that the batch takes.
  void pass_time() {
    const auto now = Clock::now();
    shared_ += seconds(now - last_) / std::max(live_, 1);
    last_ = now;
  }

  std::span<const EnsembleTask<Scalar>> tasks_;
  std::span<const Cell> cells_;
  std::span<const Index> order_;
  const EnsembleOptions& options_;
  std::span<CellResult> results_;
  std::unique_ptr<BatchedDescent<Scalar>> networks_;
  std::vector<Lane> lanes_;
  BatchedRank rank_;
  std::array<std::size_t, BatchedRank::kLanes> ended_cells_{}; // in rank_
  int ended_ = 0;
  typename BatchedDescent<Scalar>::LaneErrors errors_;
  typename BatchedDescent<Scalar>::LaneFlags keep_{};
  Matrix<Scalar> X_;
  Matrix<Scalar> Y_;
  Matrix<Scalar> product_;
  bool observing_; // matrices at every step
  Index looks_ = 0;
  int live_ = 0;
  double shared_ = 0.0;
  Clock::time_point last_ = Clock::now();
};

} // namespace

bool runs_in_lanes(DynamicsKind kind, Index d_out, Index d_in) {
  return (kind == DynamicsKind::gradient_descent ||
          kind == DynamicsKind::gradient_flow_rk4) &&
         worth_batching(d_out, d_in);
}

template <class Scalar>
bool run_batched_ensemble(std::span<const EnsembleTask<Scalar>> tasks,
                          std::span<const Cell> cells,
                          std::span<const Index> order,
                          const EnsembleOptions& options,
                          Index units,
                          const MakeCompanion<Scalar>& make_companion,
                          std::span<CellResult> results,
                          const Progress& progress) {
  return parallel_queue(
      static_cast<Index>(order.size()),
      options.n_threads,
      progress,
      [&](JobQueue& queue, Control& control) {
        Batch<Scalar> batch(
            tasks, cells, order, options, units, make_companion, results);
        batch.run(queue, control);
      });
}

#define LINFLOW_INSTANTIATE(Scalar)                                                    \
  template bool run_batched_ensemble<Scalar>(std::span<const EnsembleTask<Scalar>>,    \
                                             std::span<const Cell>,                    \
                                             std::span<const Index>,                   \
                                             const EnsembleOptions&,                   \
                                             Index,                                    \
                                             const MakeCompanion<Scalar>&,             \
                                             std::span<CellResult>,                    \
                                             const Progress&);
LINFLOW_INSTANTIATE(double)
LINFLOW_INSTANTIATE(float)
#undef LINFLOW_INSTANTIATE

} // namespace linflow
