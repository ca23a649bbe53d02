#include "linflow/batched_ensemble.hpp"

#include "linflow/batched_flow.hpp"
#include "linflow/batched_rank.hpp"
#include "linflow/batched_stop.hpp"
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
        stop_(options.stop),
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
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  void train(JobQueue& queue, Control& control) {
    for (int lane = 0; lane < kLanes; ++lane) {
      refill(lane, queue);
    }
    Wide<Scalar> train;
    Wide<Scalar> test;
    while (live_ > 0) {
      networks_->measure(train, test);
      // A cell keeps its step when it is cancelled here; it then counts as not run.
      if ((observing_ || ++looks_ % kLooksPerPoll == 0) && control(0)) {
        return;
      }
      stop_.look(train, test);
      for (int lane = 0; lane < kLanes && observing_; ++lane) {
        const Lane& here = lanes_[static_cast<std::size_t>(lane)];
        if (here.running && !here.goes_back) {
          observe(lane);
        }
      }
      if (stop_.any_was_best()) {
        for (int lane = 0; lane < kLanes; ++lane) {
          keep_[static_cast<std::size_t>(lane)] = stop_.was_best(lane);
        }
        networks_->keep(keep_);
      }
      const bool any_ended = stop_.any_ended() || going_back_ > 0;
      for (int lane = 0; any_ended && lane < kLanes; ++lane) {
        if (stop_.ended(lane) || is_back(lane)) {
          end(lane, queue);
        }
      }
      networks_->advance();
    }
  }

  static constexpr Index kLooksPerPoll = 16; // a poll costs as much as small steps

  struct Lane {
    Lane(Index d_out, Index d_in, const EnsembleOptions& options)
        : spectrum(d_out, d_in, options.spectrum) {}

    bool running = false;
    Index cell = 0;
    double began = 0.0;
    CellResult result;      // the distance is the largest so far
    bool goes_back = false; // to the best step of the run that ended
    CellSpectrum<Scalar> spectrum;
    std::unique_ptr<Companion<Scalar>> companion;
  };

  // Looks at the matrix of a lane.
  void observe(int index) {
    Lane& lane = lanes_[static_cast<std::size_t>(index)];
    const Index step = stop_.step(index);
    networks_->product(index, product_);
    if (lane.spectrum.wants_steps()) {
      lane.spectrum.step(step, product_);
    }
    if (lane.companion) {
      const double distance = lane.companion->distance(step, product_);
      double& largest = lane.result.distance;
      largest = step == 0 ? distance : std::max(largest, distance);
    }
  }

  // The end of a cell, unless its run has to be made again.
  void end(int index, JobQueue& queue) {
    Lane& lane = lanes_[static_cast<std::size_t>(index)];
    if (!lane.goes_back) {
      CellResult& result = lane.result;
      result.status = stop_.status(index);
      result.steps = static_cast<double>(stop_.step(index));
      result.first_train_error = stop_.first_train(index);
      result.final_train_error = stop_.train(index);
      result.min_test_error = stop_.best_test(index);
      result.best_step = stop_.best_step(index);
    }
    if (find_best(index)) {
      finish(index);
      queue.finish();
      refill(index, queue);
    } else {
      go_back(index);
    }
  }

  // The best matrix of the run, if any, in product_. False when the one kept is too
  // small to have digits of its own: those come from weights, which are gone.
  bool find_best(int index) {
    const Lane& lane = lanes_[static_cast<std::size_t>(index)];
    if (lane.goes_back || stop_.is_best(index)) {
      networks_->product(index, product_);
      return true;
    }
    return std::isnan(lane.result.best_step) || networks_->kept(index, product_);
  }

  // Makes the same bits once more, as far as the best step.
  void go_back(int index) {
    networks_->clear(index); // it may have diverged
    load(index);
    lanes_[static_cast<std::size_t>(index)].goes_back = true;
    ++going_back_;
  }

  [[nodiscard]] bool is_back(int index) const {
    const Lane& lane = lanes_[static_cast<std::size_t>(index)];
    return lane.goes_back &&
           static_cast<double>(stop_.step(index)) == lane.result.best_step;
  }

  void finish(int index) {
    Lane& lane = lanes_[static_cast<std::size_t>(index)];
    CellResult& result = lane.result;
    const bool has_best = !std::isnan(result.best_step);
    if (has_best) {
      const Index task = cells_[static_cast<std::size_t>(lane.cell)].task;
      const auto& objective = tasks_[static_cast<std::size_t>(task)].objective();
      result.spectrum = lane.spectrum.summary(product_, task, objective.target());
    }
    pass_time();
    result.duration = shared_ - lane.began;
    const auto i = static_cast<std::size_t>(lane.cell);
    results_[i] = result;
    if (has_best && rank_.load(ended_, product_)) {
      ended_cells_[static_cast<std::size_t>(ended_++)] = i;
      if (ended_ == BatchedRank::kLanes) {
        rank_ended();
      }
    }
    if (result.status == Status::diverged) {
      networks_->clear(index);
    }
    stop_.end(index);
    going_back_ -= lane.goes_back ? 1 : 0;
    lane.goes_back = false;
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
    load(index);
    lane.running = true;
    lane.began = shared_;
    lane.result = {};
    const Cell& cell = cells_[static_cast<std::size_t>(lane.cell)];
    const auto& task = tasks_[static_cast<std::size_t>(cell.task)];
    const auto& objective = task.objective();
    lane.spectrum.begin(0.5 * (cell.variance1 + cell.variance2) * cell.width);
    if (lane.companion) {
      const auto columns =
          static_cast<Index>(network_.size()) / (objective.d_in() + objective.d_out());
      const Eigen::Map<const Rows> Q(
          network_.data(), objective.d_in() + objective.d_out(), columns);
      lane.companion->begin(task,
                            cell,
                            Q.topRows(objective.d_in()).template cast<Scalar>(),
                            Q.bottomRows(objective.d_out()).template cast<Scalar>());
    }
    ++live_;
  }

  // The start of a lane's cell.
  void load(int index) {
    const Lane& lane = lanes_[static_cast<std::size_t>(index)];
    const Cell& cell = cells_[static_cast<std::size_t>(lane.cell)];
    const auto& objective = tasks_[static_cast<std::size_t>(cell.task)].objective();
    draw(cell, objective.d_in(), objective.d_out());
    networks_->load(index, objective, cell.step_size, network_);
    stop_.begin(index, objective.has_truth());
  }

  void draw(const Cell& cell, Index d_in, Index d_out) {
    const auto units = static_cast<std::size_t>(hidden_units(cell.width, d_in, d_out));
    Pcg64 stream(cell.seed);
    rows_.begin(stream, cell.width, cell.variance1, cell.variance2, d_in, d_out);
    network_.resize(static_cast<std::size_t>(d_in + d_out) * units);
    for (std::span<double> left(network_); !left.empty(); left = left.subspan(units)) {
      rows_.next(left.first(units));
    }
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
  BatchedStop<Scalar> stop_;
  std::vector<Lane> lanes_;
  BatchedRank rank_;
  std::array<std::size_t, BatchedRank::kLanes> ended_cells_{}; // in rank_
  int ended_ = 0;
  typename BatchedDescent<Scalar>::LaneFlags keep_{};
  GaussianRows rows_;
  std::vector<double> network_; // rows of X, then of Y
  Matrix<Scalar> product_;
  bool observing_; // matrices at every step
  Index looks_ = 0;
  int live_ = 0;
  int going_back_ = 0;
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
