#include "linflow/ensemble.hpp"

#include "linflow/batched_ensemble.hpp"
#include "linflow/closed_form.hpp"
#include "linflow/fixed_steps.hpp"
#include "linflow/lazy.hpp"
#include "linflow/located_steps.hpp"
#include "linflow/network.hpp"
#include "linflow/network_flow_steps.hpp"
#include "linflow/products.hpp"
#include "linflow/self_consistent.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>

namespace linflow {
namespace {

// The initial network of a cell, in buffers that serve all cells of a thread.
template <class Scalar> struct Start {
  Matrix<Scalar> X;
  Matrix<Scalar> Y;
  Matrix<Scalar> A;

  void draw(const Objective<Scalar>& objective, const Cell& cell) {
    const auto units = hidden_units(cell.width, objective.d_in(), objective.d_out());
    X.resize(objective.d_in(), units);
    Y.resize(objective.d_out(), units);
    Pcg64 stream(cell.seed);
    draw_gaussian<Scalar>(stream, cell.width, cell.variance1, cell.variance2, X, Y);
    multiply();
  }

  void multiply() {
    A.setZero(Y.rows(), X.rows());
    add_product_nt<Scalar>(Scalar(1), Y, X, A);
  }
};

// One dynamics of a thread: stepped ones own their buffers for good; solved ones are
// made anew for each cell, because their factorisations depend on it.
template <class Scalar> class Runner {
public:
  Runner(DynamicsKind kind,
         Index d_out,
         Index d_in,
         Index units,
         const EnsembleOptions& options)
      : kind_(kind), rules_(options.stop), rtol_(options.rtol),
        every_step_(options.distance_to || options.spectrum.crossings) {
    if (kind == DynamicsKind::gradient_descent) {
      descent_ = std::make_unique<Descent<Scalar>>(d_out, d_in, units);
    } else if (kind == DynamicsKind::stepped_self_consistent ||
               kind == DynamicsKind::stepped_balanced) {
      stepped_ = std::make_unique<SelfConsistent<Scalar>>(d_out, d_in);
    }
  }

  Dynamics<Scalar>& begin(const EnsembleTask<Scalar>& task,
                          const Cell& cell,
                          const Start<Scalar>& start) {
    const Objective<Scalar>& objective = task.objective();
    if (descent_) {
      descent_->begin(objective, {cell.step_size, 1.0, 1.0, 1.0}, start.X.cols());
      descent_->X() = start.X;
      descent_->Y() = start.Y;
      return *descent_;
    }
    if (kind_ == DynamicsKind::gradient_flow_rk4) {
      fixed_ = std::make_unique<FixedSteps<Scalar>>(
          objective, start.X, start.Y, cell.step_size);
      return *fixed_;
    }
    if (kind_ == DynamicsKind::gradient_flow) {
      flow_ = std::make_unique<NetworkFlowSteps<Scalar>>(
          task, start.X, start.Y, cell.step_size, rules_, rtol_, every_step_);
      return *flow_;
    }
    // The levels of the law in the limit of width (theory §4).
    const double lam = (cell.variance2 - cell.variance1) * cell.width;
    const double mu = cell.variance1 * cell.variance2 * cell.width * cell.width;
    const double kappa = 0.5 * (cell.variance1 + cell.variance2) * cell.width;
    if (stepped_) {
      const bool balanced = kind_ == DynamicsKind::stepped_balanced;
      stepped_->begin(objective, cell.step_size, balanced ? 0.0 : kappa);
      stepped_->A() = start.A;
      return *stepped_;
    }
    virtual_steps_.reset();
    if (kind_ == DynamicsKind::closed_form) {
      solve(task, lam, mu, start.X, start.Y);
    } else if (kind_ == DynamicsKind::self_consistent ||
               kind_ == DynamicsKind::balanced) {
      // λ cancels in the equation of A: the formula depends on κ alone.
      const double level = kind_ == DynamicsKind::self_consistent ? kappa * kappa : 0.0;
      const auto factors = self_consistent_factors<Scalar>(start.A, 0.0, level);
      solve(task, 0.0, level, factors.X, factors.Y);
    } else {
      const double step = kind_ == DynamicsKind::stepped_lazy ? cell.step_size : 0.0;
      solution_ = std::make_unique<Lazy<Scalar>>(objective, start.X, start.Y, step);
    }
    // A look at every step only where it is asked for, or where the steps are the
    // dynamics.
    if (every_step_ || kind_ == DynamicsKind::stepped_lazy) {
      virtual_steps_ =
          std::make_unique<VirtualSteps<Scalar>>(*solution_, objective, cell.step_size);
    } else {
      const bool shared = kind_ != DynamicsKind::lazy; // frames, by all cells
      if (!shared) {
        turned_.emplace(solution_->coordinates(objective));
      }
      virtual_steps_ = std::make_unique<LocatedSteps<Scalar>>(
          *solution_,
          shared ? task.modes().objective : *turned_,
          cell.step_size,
          rules_.max_steps);
    }
    return *virtual_steps_;
  }

private:
  void solve(const EnsembleTask<Scalar>& task,
             double lam,
             double mu,
             const Matrix<Scalar>& X,
             const Matrix<Scalar>& Y) {
    const auto flow = std::make_shared<const Riccati<Scalar>>(
        task.modes().basis, static_cast<Scalar>(lam), static_cast<Scalar>(mu));
    solution_ = std::make_unique<ClosedForm<Scalar>>(flow, X, Y);
  }

  DynamicsKind kind_;
  StopRules rules_;
  double rtol_;
  bool every_step_;
  std::unique_ptr<NetworkFlowSteps<Scalar>> flow_;
  std::unique_ptr<FixedSteps<Scalar>> fixed_;
  std::unique_ptr<Descent<Scalar>> descent_;
  std::unique_ptr<SelfConsistent<Scalar>> stepped_;
  std::unique_ptr<Solution<Scalar>> solution_;
  std::optional<Objective<Scalar>> turned_;
  std::unique_ptr<Dynamics<Scalar>> virtual_steps_; // reads solution_, turned_
};

// One cell at a time, the ranks come from all values.
CellSpectrumOptions with_ranks(CellSpectrumOptions options) {
  options.values = true;
  return options;
}

// Everything one thread needs for any cell; a step of descent allocates nothing.
template <class Scalar> class Worker {
public:
  Worker(Index d_out, Index d_in, Index units, const EnsembleOptions& options)
      : runner_(options.dynamics, d_out, d_in, units, options), best_(d_out, d_in),
        wants_vectors_(options.spectrum.alignment),
        spectrum_(d_out, d_in, with_ranks(options.spectrum)) {
    if (options.spectrum.crossings) {
      product_.resize(d_out, d_in);
    }
    if (options.distance_to) {
      reference_ = std::make_unique<Runner<Scalar>>(
          *options.distance_to, d_out, d_in, units, options);
      product_.resize(d_out, d_in);
      other_.resize(d_out, d_in);
    }
  }

  // Returns false when cancelled.
  bool run_cell(const EnsembleTask<Scalar>& task,
                const Cell& cell,
                const StopRules& rules,
                Control& control,
                CellResult& out) {
    const auto begin = std::chrono::steady_clock::now();
    const Objective<Scalar>& objective = task.objective();
    start_.draw(objective, cell);
    Dynamics<Scalar>& dynamics = runner_.begin(task, cell, start_);
    Dynamics<Scalar>* other =
        reference_ ? &reference_->begin(task, cell, start_) : nullptr;
    // κ = (σ1² + σ2²)w/2 of the law, whatever the dynamics makes of it.
    spectrum_.begin(0.5 * (cell.variance1 + cell.variance2) * cell.width);
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
        if (dynamics.remembers()) {
          dynamics.remember();
        } else if (wants_vectors_) {
          dynamics.product(best_);
        } else { // in any basis: the singular values are the same
          dynamics.coordinates(best_);
        }
      }
      if (spectrum_.wants_steps()) {
        dynamics.coordinates(product_);
        spectrum_.step(step, product_);
      }
      if (other != nullptr) {
        distance = std::max(distance, follow(dynamics, *other, step));
      }
    };
    RunResult run_result;
    do {
      result = {};
      run_result = run(dynamics, rules, control, observe);
      if (run_result.status == Status::pending) {
        return false;
      }
    } while (!dynamics.confirm(std::isnan(result.best_step)
                                   ? run_result.steps
                                   : static_cast<Index>(result.best_step),
                               run_result.steps));
    if (!std::isnan(result.best_step)) {
      if (dynamics.remembers() && !dynamics.remembered(best_)) {
        const StopRules there{.max_steps = static_cast<Index>(result.best_step)};
        const auto unseen = [](Index, const Errors&, bool) {};
        runner_.begin(task, cell, start_);
        if (run(dynamics, there, control, unseen).status == Status::pending) {
          return false;
        }
        dynamics.product(best_);
      }
      result.spectrum = spectrum_.summary(best_, cell.task, objective.target());
    }
    result.steps = static_cast<double>(run_result.steps);
    result.final_train_error = run_result.last.train;
    if (other != nullptr) {
      result.distance = distance;
    }
    result.status = run_result.status;
    const std::chrono::duration<double> spent =
        std::chrono::steady_clock::now() - begin;
    result.duration = spent.count();
    out = result;
    return true;
  }

private:
  // Brings the other dynamics to this step; the distance there.
  double follow(const Dynamics<Scalar>& dynamics, Dynamics<Scalar>& other, Index step) {
    if (step > 0) {
      other.advance();
    }
    other.measure();
    dynamics.product(product_);
    other.product(other_);
    return static_cast<double>((product_ - other_).squaredNorm()) /
           static_cast<double>(product_.size());
  }

  Runner<Scalar> runner_;
  std::unique_ptr<Runner<Scalar>> reference_;
  Start<Scalar> start_;
  Matrix<Scalar> best_;
  Matrix<Scalar> product_;
  Matrix<Scalar> other_;
  bool wants_vectors_;
  CellSpectrum<Scalar> spectrum_;
};

// The second dynamics of a cell that runs in a batch.
template <class Scalar> class BatchCompanion final : public Companion<Scalar> {
public:
  BatchCompanion(Index d_out, Index d_in, Index units, const EnsembleOptions& options)
      : runner_(*options.distance_to, d_out, d_in, units, options) {}

  void begin(const EnsembleTask<Scalar>& task,
             const Cell& cell,
             const Matrix<Scalar>& X,
             const Matrix<Scalar>& Y) override {
    start_.X = X;
    start_.Y = Y;
    start_.multiply();
    dynamics_ = &runner_.begin(task, cell, start_);
  }

  double distance(Index step, const Matrix<Scalar>& A) override {
    if (step > 0) {
      dynamics_->advance();
    }
    dynamics_->measure();
    dynamics_->product(other_);
    return static_cast<double>((A - other_).squaredNorm()) /
           static_cast<double>(A.size());
  }

private:
  Runner<Scalar> runner_;
  Start<Scalar> start_;
  Dynamics<Scalar>* dynamics_ = nullptr;
  Matrix<Scalar> other_;
};

template <class Scalar>
void check(std::span<const EnsembleTask<Scalar>> tasks,
           std::span<const Cell> cells,
           std::span<const Index> order,
           std::span<const CellResult> results) {
  if (results.size() != cells.size() || order.size() > cells.size()) {
    throw std::invalid_argument("run_ensemble: cells, order and results must match");
  }
  for (const auto& task : tasks) {
    if (task.objective().d_in() != tasks[0].objective().d_in() ||
        task.objective().d_out() != tasks[0].objective().d_out()) {
      throw std::invalid_argument("run_ensemble: all tasks must have one shape");
    }
  }
  for (const Index i : order) {
    if (i < 0 || i >= static_cast<Index>(cells.size())) {
      throw std::invalid_argument("run_ensemble: order names a cell that is not there");
    }
    const Cell& cell = cells[static_cast<std::size_t>(i)];
    if (cell.task < 0 || cell.task >= static_cast<Index>(tasks.size())) {
      throw std::invalid_argument(
          "run_ensemble: a cell names a task that is not there");
    }
    if (!(cell.width >= 1.0)) {
      throw std::invalid_argument("run_ensemble: widths must be at least 1");
    }
  }
}

} // namespace

template <class Scalar>
bool run_ensemble(std::span<const EnsembleTask<Scalar>> tasks,
                  std::span<const Cell> cells,
                  std::span<const Index> order,
                  const EnsembleOptions& options,
                  std::span<CellResult> results,
                  const Progress& progress) {
  check(tasks, cells, order, std::span<const CellResult>(results));
  if (order.empty()) {
    return true;
  }
  const Index d_in = tasks[0].objective().d_in();
  const Index d_out = tasks[0].objective().d_out();
  Index units = 0;
  for (const Index i : order) {
    units = std::max(
        units, hidden_units(cells[static_cast<std::size_t>(i)].width, d_in, d_out));
  }
  if (runs_in_lanes(options.dynamics, d_out, d_in)) {
    MakeCompanion<Scalar> companion;
    if (options.distance_to) {
      companion = [&] {
        return std::make_unique<BatchCompanion<Scalar>>(d_out, d_in, units, options);
      };
    }
    return run_batched_ensemble<Scalar>(
        tasks, cells, order, options, units, companion, results, progress);
  }
  return parallel_for(
      static_cast<Index>(order.size()), options.n_threads, progress, [&]() -> Job {
        auto worker = std::make_shared<Worker<Scalar>>(d_out, d_in, units, options);
        return [&, worker](Index k, Control& control) {
          const auto i = static_cast<std::size_t>(order[static_cast<std::size_t>(k)]);
          const auto& task = tasks[static_cast<std::size_t>(cells[i].task)];
          return worker->run_cell(task, cells[i], options.stop, control, results[i]);
        };
      });
}

template bool run_ensemble<double>(std::span<const EnsembleTask<double>>,
                                   std::span<const Cell>,
                                   std::span<const Index>,
                                   const EnsembleOptions&,
                                   std::span<CellResult>,
                                   const Progress&);
template bool run_ensemble<float>(std::span<const EnsembleTask<float>>,
                                  std::span<const Cell>,
                                  std::span<const Index>,
                                  const EnsembleOptions&,
                                  std::span<CellResult>,
                                  const Progress&);

} // namespace linflow
