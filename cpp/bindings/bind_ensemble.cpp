#include "linflow/batched_ensemble.hpp"

#include "bindings.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>

namespace linflow::bindings {
namespace {

DynamicsKind dynamics_kind(const std::string& name) {
  static const std::map<std::string, DynamicsKind> kinds{
      {"gradient_descent", DynamicsKind::gradient_descent},
      {"stepped_self_consistent", DynamicsKind::stepped_self_consistent},
      {"stepped_lazy", DynamicsKind::stepped_lazy},
      {"stepped_balanced", DynamicsKind::stepped_balanced},
      {"closed_form", DynamicsKind::closed_form},
      {"self_consistent", DynamicsKind::self_consistent},
      {"lazy", DynamicsKind::lazy},
      {"balanced", DynamicsKind::balanced},
      {"gradient_flow", DynamicsKind::gradient_flow},
      {"gradient_flow_rk4", DynamicsKind::gradient_flow_rk4}};
  const auto found = kinds.find(name);
  if (found == kinds.end()) {
    throw std::invalid_argument("ensemble: unknown dynamics " + name);
  }
  return found->second;
}

template <class T> using Column = py::array_t<T, py::array::c_style>;

std::vector<Cell> make_cells(const Column<std::int64_t>& task,
                             const Column<std::uint64_t>& seed,
                             const Column<double>& width,
                             const Column<double>& variance1,
                             const Column<double>& variance2,
                             const Column<double>& step_size) {
  const auto count = task.size();
  if (task.ndim() != 1 || seed.ndim() != 2 || seed.shape(0) != count ||
      seed.shape(1) != 4 || width.size() != count || variance1.size() != count ||
      variance2.size() != count || step_size.size() != count) {
    throw std::invalid_argument("ensemble: the arrays of cells must have one length");
  }
  std::vector<Cell> cells(static_cast<std::size_t>(count));
  const std::uint64_t* words = seed.data();
  for (std::size_t i = 0; i < cells.size(); ++i, words += 4) {
    Cell& cell = cells[i];
    cell.task = task.data()[i];
    std::copy_n(words, 4, cell.seed.begin());
    cell.width = width.data()[i];
    cell.variance1 = variance1.data()[i];
    cell.variance2 = variance2.data()[i];
    cell.step_size = step_size.data()[i];
  }
  return cells;
}

// The results of some cells in memory of NumPy's, which takes large pages for many of
// them. A column for each field is a view of it.
class ResultTable {
public:
  explicit ResultTable(std::size_t count) : memory_(bytes(count)), rows_(count) {
    static_assert(std::is_trivially_copyable_v<CellResult>);
    std::uninitialized_value_construct_n(first(), rows_);
  }

  [[nodiscard]] std::span<CellResult> rows() { return {first(), rows_}; }

  py::dict columns() {
    py::dict out;
    const auto add = [&](const char* name, const auto& field) { // of the first row
      using T = std::decay_t<decltype(field)>;
      out[name] = py::array_t<T>({rows_}, {sizeof(CellResult)}, &field, memory_);
    };
    const CellResult& run = *first();
    const CellSpectrumResult& spectrum = run.spectrum;
    add("min_test_error", run.min_test_error);
    add("best_step", run.best_step);
    add("steps", run.steps);
    add("first_train_error", run.first_train_error);
    add("final_train_error", run.final_train_error);
    add("rank", spectrum.rank);
    add("rank_margin", spectrum.rank_margin);
    add("stable_rank", spectrum.stable_rank);
    add("active_modes", spectrum.active_modes);
    add("effective_rank", spectrum.effective_rank);
    add("nuclear_norm", spectrum.nuclear_norm);
    add("operator_norm", spectrum.operator_norm);
    add("alignment", spectrum.alignment);
    add("first_crossing", spectrum.first_crossing);
    add("last_crossing", spectrum.last_crossing);
    add("distance", run.distance);
    add("duration", run.duration);
    const auto* status = reinterpret_cast<const std::int8_t*>(&run.status);
    add("status", *status);
    return out;
  }

private:
  static py::array_t<double> bytes(std::size_t count) {
    static_assert(sizeof(CellResult) % sizeof(double) == 0);
    return py::array_t<double>(static_cast<py::ssize_t>(
        std::max<std::size_t>(count, 1) * sizeof(CellResult) / sizeof(double)));
  }
  CellResult* first() { return reinterpret_cast<CellResult*>(memory_.mutable_data()); }

  py::array_t<double> memory_;
  std::size_t rows_;
};

template <class Scalar> using TaskList = std::vector<EnsembleTask<Scalar>>;

// A task in the precision of its runs.
struct AnyTask {
  std::variant<EnsembleTask<double>, EnsembleTask<float>> task;
};

template <class Scalar>
EnsembleTask<Scalar> make_task(const Matrix<double>& target,
                               const Matrix<double>& noise) {
  return EnsembleTask<Scalar>(
      Objective<Scalar>(target.cast<Scalar>(), noise.cast<Scalar>()));
}

// Of one precision; the copies share what they hold.
template <class Scalar> TaskList<Scalar> list_tasks(const std::vector<AnyTask>& tasks) {
  TaskList<Scalar> list;
  for (const auto& one : tasks) {
    const auto* task = std::get_if<EnsembleTask<Scalar>>(&one.task);
    if (task == nullptr) {
      throw std::invalid_argument("ensemble: all tasks must have one precision");
    }
    list.push_back(*task);
  }
  return list;
}

template <class Scalar>
py::dict ensemble(const TaskList<Scalar>& tasks,
                  const std::vector<Cell>& cells,
                  std::span<const Index> order,
                  const EnsembleOptions& options,
                  py::object progress) {
  ResultTable results(cells.size());
  const auto rows = results.rows();
  Poller poller(std::move(progress));
  {
    // The tasks are const, the order is held by the caller, the rest are copies.
    const py::gil_scoped_release release;
    run_ensemble<Scalar>(
        tasks, cells, order, options, rows, [&](Index done) { return poller(done); });
  }
  py::dict out = results.columns();
  out["raised"] = poller.raised();
  return out;
}

} // namespace

void bind_ensemble(py::module_& module) {
  auto sub = module.def_submodule("ensemble", "Many runs in parallel.");
  sub.def("default_threads", &default_threads);
  sub.def(
      "lanes",
      [](const std::string& dynamics, Index d_out, Index d_in, bool float32) {
        if (!runs_in_lanes(dynamics_kind(dynamics), d_out, d_in)) {
          return 1;
        }
        return float32 ? BatchedDescent<float>::kLanes : BatchedDescent<double>::kLanes;
      },
      "Cells that are computed side by side.",
      py::arg("dynamics"),
      py::arg("d_out"),
      py::arg("d_in"),
      py::arg("float32"));
  py::class_<AnyTask>(sub, "Task", "What cells learn, and its singular vectors.")
      .def(py::init([](const Matrix<double>& target,
                       const Matrix<double>& noise,
                       bool float32) {
             return float32 ? AnyTask{make_task<float>(target, noise)}
                            : AnyTask{make_task<double>(target, noise)};
           }),
           py::arg("target"),
           py::arg("noise"),
           py::arg("float32") = false);
  sub.def(
      "run",
      [](const std::vector<AnyTask>& tasks,
         const Column<std::int64_t>& task,
         const Column<std::uint64_t>& seed,
         const Column<double>& width,
         const Column<double>& variance1,
         const Column<double>& variance2,
         const Column<double>& step_size,
         const Column<Index>& order,
         const StopRules& stop,
         const std::string& dynamics,
         const std::optional<std::string>& distance_to,
         int n_threads,
         py::object progress,
         Index modes,
         bool alignment,
         bool crossings,
         bool values,
         double rtol) {
        const auto cells =
            make_cells(task, seed, width, variance1, variance2, step_size);
        EnsembleOptions options{stop, dynamics_kind(dynamics), std::nullopt, n_threads};
        if (distance_to) {
          options.distance_to = dynamics_kind(*distance_to);
        }
        options.spectrum = {modes, alignment, crossings, values};
        options.rtol = rtol;
        const std::span<const Index> started{order.data(),
                                             static_cast<std::size_t>(order.size())};
        if (tasks.empty()) {
          throw std::invalid_argument("ensemble: at least one task");
        }
        if (std::holds_alternative<EnsembleTask<double>>(tasks[0].task)) {
          return ensemble(
              list_tasks<double>(tasks), cells, started, options, std::move(progress));
        }
        return ensemble(
            list_tasks<float>(tasks), cells, started, options, std::move(progress));
      },
      py::kw_only(),
      py::arg("tasks"),
      py::arg("task"),
      py::arg("seed"),
      py::arg("width"),
      py::arg("variance1"),
      py::arg("variance2"),
      py::arg("step_size"),
      py::arg("order"),
      py::arg("stop"),
      py::arg("dynamics"),
      py::arg("distance_to"),
      py::arg("n_threads"),
      py::arg("progress"),
      py::arg("modes") = 0,
      py::arg("alignment") = false,
      py::arg("crossings") = false,
      py::arg("values") = true,
      py::arg("rtol") = 1e-6);
}

} // namespace linflow::bindings
