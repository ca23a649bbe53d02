// Many independent runs ("cells"), in parallel.
//
// Threads take cells from one counter; each cell is computed by one thread from its own
// parameters and random stream and written to its own place, with no reduction across
// threads. So the results are the same bits for any number of threads and any order.
#pragma once

#include "linflow/descent.hpp"
#include "linflow/random.hpp"
#include "linflow/run.hpp"

#include <functional>
#include <span>
#include <vector>

namespace linflow {

struct Cell {
  Index task = 0;   // which objective
  Seed seed{};      // stream of the initial network
  double width = 0; // realised width
  double variance1 = 0;
  double variance2 = 0;
  StepSizes sizes;
};

// What is kept of a run. "best" is the first step of the least test error. A cell that
// was not finished has status pending and NaN elsewhere.
struct CellResult {
  double min_test_error = kNaN;
  double best_step = kNaN;
  double steps = kNaN;
  double first_train_error = kNaN;
  double final_train_error = kNaN;
  double rank = kNaN;
  double stable_rank = kNaN;
  double distance = kNaN; // max over the run of ‖A − A_SC‖_F²/(d_out d_in)
  double duration = kNaN; // s
  Status status = Status::pending;
};

struct EnsembleOptions {
  StopRules stop;
  bool distance = false; // step the self-consistent dynamics alongside
  int n_threads = 1;
};

// Called by the calling thread only, about every 50 ms, with the number of finished
// cells; returns true to cancel. Running cells then end within a step.
using Progress = std::function<bool(Index finished)>;

// results[i] belongs to cells[i]; cells are started in the order given by `order`.
// Returns false when cancelled; finished cells keep their results.
template <class Scalar>
bool run_ensemble(std::span<const Objective<Scalar>> objectives,
                  std::span<const Cell> cells,
                  std::span<const Index> order,
                  const EnsembleOptions& options,
                  std::span<CellResult> results,
                  const Progress& progress);

// Threads that run_ensemble uses when asked for 0: what OpenMP would use here, which
// respects OMP_NUM_THREADS, the affinity mask and threadpoolctl; 1 without OpenMP.
int default_threads();

} // namespace linflow
