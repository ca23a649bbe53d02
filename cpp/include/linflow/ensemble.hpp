// Many independent runs ("cells"), in parallel (parallel.hpp).
//
// Each cell is computed by one thread from its own parameters and random stream and
// written to its own place. So the results are the same bits for any number of threads
// and any order.
#pragma once

#include "linflow/cell_spectrum.hpp"
#include "linflow/descent.hpp"
#include "linflow/ensemble_task.hpp"
#include "linflow/parallel.hpp"
#include "linflow/random.hpp"

#include <optional>
#include <span>

namespace linflow {

// What a cell follows. Descent and its stepped formulas use the cell's step size; the
// flows are solved, and looked at on the virtual steps t = η·step.
enum class DynamicsKind {
  gradient_descent,
  stepped_self_consistent, // [TAJ] eq. (1) by the Euler rule, from A(0)
  stepped_lazy,
  stepped_balanced, // the self-consistent formula at κ = 0
  closed_form,      // the Riccati flow from P(0)
  self_consistent,  // … from A(0) and the formula
  lazy,
  balanced,
  gradient_flow,     // integrated, with error control
  gradient_flow_rk4, // … in Runge–Kutta steps of order 4, one to each step
};

struct Cell {
  Index task = 0;   // which of the tasks
  Seed seed{};      // stream of the initial network
  double width = 0; // realised width
  double variance1 = 0;
  double variance2 = 0;
  double step_size = 0;
};

// What is kept of a run. "best" is the first step of the least test error. A cell that
// was not finished has status pending and NaN elsewhere.
struct CellResult {
  double min_test_error = kNaN;
  double best_step = kNaN;
  double steps = kNaN;
  double first_train_error = kNaN;
  double final_train_error = kNaN;
  CellSpectrumResult spectrum;
  double distance = kNaN; // max over the run of ‖A − A'‖_F²/(d_out d_in)
  double duration = kNaN; // s
  Status status = Status::pending;
};

struct EnsembleOptions {
  StopRules stop;
  DynamicsKind dynamics = DynamicsKind::gradient_descent;
  std::optional<DynamicsKind> distance_to; // a second dynamics, from the same start
  int n_threads = 0;                       // 0: default_threads()
  CellSpectrumOptions spectrum{};
  double rtol = 1e-6; // of an integrated flow
};

// results[i] belongs to cells[i]; cells are started in the order given by `order`.
// Returns false when cancelled; finished cells keep their results.
template <class Scalar>
bool run_ensemble(std::span<const EnsembleTask<Scalar>> tasks,
                  std::span<const Cell> cells,
                  std::span<const Index> order,
                  const EnsembleOptions& options,
                  std::span<CellResult> results,
                  const Progress& progress);

} // namespace linflow
