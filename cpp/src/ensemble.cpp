#include "linflow/ensemble.hpp"

#include "linflow/network.hpp"
#include "linflow/self_consistent.hpp"
#include "linflow/spectrum.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <memory>
#include <stdexcept>
#include <thread>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace linflow {
namespace {

// Everything one thread needs for any cell: made once, nothing allocated per step.
template <class Scalar> class Worker {
public:
  Worker(Index d_out, Index d_in, Index units, bool distance)
      : descent_(d_out, d_in, units), best_(d_out, d_in), spectrum_(d_out, d_in) {
    if (distance) {
      reference_ = std::make_unique<SelfConsistent<Scalar>>(d_out, d_in);
      product_.resize(d_out, d_in);
    }
  }

  // Returns false when cancelled.
  bool run_cell(const Objective<Scalar>& objective,
                const Cell& cell,
                const StopRules& rules,
                Control& control,
                CellResult& out) {
    const auto start = std::chrono::steady_clock::now();
    const auto units = hidden_units(cell.width, objective.d_in(), objective.d_out());
    descent_.begin(objective, cell.sizes, units);
    Pcg64 stream(cell.seed);
    draw_gaussian<Scalar>(stream.bitgen(),
                          cell.width,
                          cell.variance1,
                          cell.variance2,
                          descent_.X(),
                          descent_.Y());
    if (reference_) {
      // κ = (σ1² + σ2²)w/2; equal rates and γ = 1 are checked by run_ensemble.
      const double kappa = 0.5 * (cell.variance1 + cell.variance2) * cell.width;
      reference_->begin(objective, cell.sizes.step_size, kappa);
    }
    CellResult result;
    double distance = 0.0;
    // Without a truth there is no best step: the last one is summarised.
    const bool has_truth = objective.has_truth();
    const auto observe = [&](Index step, const Errors& errors, bool ended) {
      if (step == 0) {
        result.first_train_error = errors.train;
      }
      if (has_truth
              ? !(errors.test >= result.min_test_error) && std::isfinite(errors.test)
              : ended) {
        result.min_test_error = errors.test;
        result.best_step = static_cast<double>(step);
        descent_.product(best_);
      }
      if (reference_) {
        distance = std::max(distance, follow(step));
      }
    };
    const RunResult run_result = run(descent_, rules, control, observe);
    if (run_result.status == Status::pending) {
      return false;
    }
    if (!std::isnan(result.best_step)) {
      const RankSummary summary = spectrum_.rank_summary(best_);
      result.rank = summary.rank;
      result.stable_rank = summary.stable_rank;
    }
    result.steps = static_cast<double>(run_result.steps);
    result.final_train_error = run_result.last.train;
    if (reference_) {
      result.distance = distance;
    }
    result.status = run_result.status;
    const std::chrono::duration<double> spent =
        std::chrono::steady_clock::now() - start;
    result.duration = spent.count();
    out = result;
    return true;
  }

private:
  // Brings the self-consistent dynamics to this step; the distance there.
  double follow(Index step) {
    descent_.product(product_);
    if (step == 0) {
      reference_->A() = product_;
      reference_->measure();
      return 0.0;
    }
    reference_->advance();
    reference_->measure();
    const auto gap = (product_ - reference_->A()).squaredNorm();
    return static_cast<double>(gap) / static_cast<double>(product_.size());
  }

  Descent<Scalar> descent_;
  Matrix<Scalar> best_;
  Matrix<Scalar> product_;
  Spectrum<Scalar> spectrum_;
  std::unique_ptr<SelfConsistent<Scalar>> reference_;
};

template <class Scalar>
void check(std::span<const Objective<Scalar>> objectives,
           std::span<const Cell> cells,
           std::span<const Index> order,
           bool distance,
           std::span<const CellResult> results) {
  if (results.size() != cells.size() || order.size() > cells.size()) {
    throw std::invalid_argument("run_ensemble: cells, order and results must match");
  }
  for (const auto& objective : objectives) {
    if (objective.d_in() != objectives[0].d_in() ||
        objective.d_out() != objectives[0].d_out()) {
      throw std::invalid_argument("run_ensemble: all tasks must have one shape");
    }
  }
  for (const Index i : order) {
    if (i < 0 || i >= static_cast<Index>(cells.size())) {
      throw std::invalid_argument("run_ensemble: order names a cell that is not there");
    }
    const Cell& cell = cells[static_cast<std::size_t>(i)];
    if (cell.task < 0 || cell.task >= static_cast<Index>(objectives.size())) {
      throw std::invalid_argument(
          "run_ensemble: a cell names a task that is not there");
    }
    if (!(cell.width >= 1.0)) {
      throw std::invalid_argument("run_ensemble: widths must be at least 1");
    }
    if (distance && (cell.sizes.rate1 != 1.0 || cell.sizes.rate2 != 1.0 ||
                     cell.sizes.scale != 1.0)) {
      throw std::invalid_argument(
          "run_ensemble: the distance needs unit rates and scale");
    }
  }
}

} // namespace

template <class Scalar>
bool run_ensemble(std::span<const Objective<Scalar>> objectives,
                  std::span<const Cell> cells,
                  std::span<const Index> order,
                  const EnsembleOptions& options,
                  std::span<CellResult> results,
                  const Progress& progress) {
  check(
      objectives, cells, order, options.distance, std::span<const CellResult>(results));
  if (order.empty()) {
    return true;
  }
  const Index d_in = objectives[0].d_in();
  const Index d_out = objectives[0].d_out();
  Index units = 0;
  for (const Index i : order) {
    units = std::max(
        units, hidden_units(cells[static_cast<std::size_t>(i)].width, d_in, d_out));
  }
  const auto total = static_cast<Index>(order.size());
  const int wanted = options.n_threads > 0 ? options.n_threads : default_threads();
  const auto n_threads = static_cast<int>(std::min<Index>(wanted, total));

  std::atomic<Index> next{0};
  std::atomic<Index> finished{0};
  std::atomic<int> working{n_threads};
  std::atomic<bool> cancelled{false};
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(n_threads));
  const auto poll = [&](Index /*step*/) {
    if (progress && progress(finished.load())) {
      cancelled = true;
    }
  };

  const auto work = [&](int thread) {
    // Only the calling thread (number 0 of the region) may talk to the caller.
    Control control(cancelled, thread == 0 ? Control::Poll(poll) : Control::Poll());
    try {
      Worker<Scalar> worker(d_out, d_in, units, options.distance);
      for (Index k = next++; k < total && !cancelled; k = next++) {
        const auto i = static_cast<std::size_t>(order[static_cast<std::size_t>(k)]);
        const auto& objective = objectives[static_cast<std::size_t>(cells[i].task)];
        if (worker.run_cell(objective, cells[i], options.stop, control, results[i])) {
          ++finished;
        }
      }
    } catch (...) {
      failures[static_cast<std::size_t>(thread)] = std::current_exception();
      cancelled = true;
    }
    --working;
    // The calling thread stays answerable while others finish their last cells.
    while (thread == 0 && working > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      try {
        control(0);
      } catch (...) {
        failures[0] = std::current_exception();
        cancelled = true;
        control = Control(cancelled);
      }
    }
  };
#ifdef _OPENMP
  if (n_threads > 1) {
    // The team may come out smaller than asked for (OMP_THREAD_LIMIT, nested regions);
    // the counter shares the cells among those who came.
#pragma omp parallel num_threads(n_threads)
    {
#pragma omp single
      working = omp_get_num_threads();
      work(omp_get_thread_num());
    }
  } else {
    work(0);
  }
#else
  working = 1;
  work(0);
#endif
  for (const auto& failure : failures) {
    if (failure) {
      std::rethrow_exception(failure);
    }
  }
  if (progress) {
    progress(finished.load());
  }
  return !cancelled;
}

int default_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

template bool run_ensemble<double>(std::span<const Objective<double>>,
                                   std::span<const Cell>,
                                   std::span<const Index>,
                                   const EnsembleOptions&,
                                   std::span<CellResult>,
                                   const Progress&);
template bool run_ensemble<float>(std::span<const Objective<float>>,
                                  std::span<const Cell>,
                                  std::span<const Index>,
                                  const EnsembleOptions&,
                                  std::span<CellResult>,
                                  const Progress&);

} // namespace linflow
