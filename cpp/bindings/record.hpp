// Shared by the bindings of single stepped runs: the record of a run as a dict.
#pragma once

#include "bindings.hpp"

#include "linflow/observe.hpp"

namespace linflow::bindings {

// The fields that were asked for; those of each look have their length last or nowhere.
inline void spectrum_to_dict(SpectrumRecord&& record,
                             Index top,
                             const SpectrumOptions& options,
                             Index looks,
                             py::dict& out) {
  const auto points = static_cast<py::ssize_t>(looks);
  const auto put = [&](const char* name, std::vector<double>& values, Index width) {
    if (width == 0) { // one number per look
      out[name] = to_array(std::move(values), {points});
    } else {
      out[name] = to_array(std::move(values), {points, width});
    }
  };
  out["singular_values"] = to_array(std::move(record.singular_values), {points, top});
  if (record.converged.empty()) { // nothing was looked at
    record.converged.assign(static_cast<std::size_t>(points), 1.0);
  }
  put("converged", record.converged, 0);
  out["full_decompositions"] = record.full_decompositions;
  if (options.follow) {
    put("overlap", record.overlap, top);
    put("cluster", record.cluster, top);
  }
  if (options.target_U) {
    const auto targets = static_cast<py::ssize_t>(options.target_U->cols());
    out["left"] = to_array(std::move(record.left), {points, top, targets});
    out["right"] = to_array(std::move(record.right), {points, top, targets});
  }
  if (!std::isnan(options.relative)) {
    put("count_relative", record.count_relative, 0);
  }
  if (!options.levels.empty()) {
    put("count_levels", record.count_levels, static_cast<Index>(options.levels.size()));
  }
  if (options.norms) {
    put("frobenius", record.frobenius, 0);
    put("operator_norm", record.operator_norm, 0);
  }
  if (options.all) {
    put("nuclear_norm", record.nuclear_norm, 0);
    put("effective_rank", record.effective_rank, 0);
  }
}

template <class Scalar>
py::dict to_dict(Record<Scalar>&& record,
                 const RunResult& result,
                 const RecordOptions& options) {
  const auto points = static_cast<py::ssize_t>(record.step.size());
  const py::ssize_t d_out = record.last_product.rows();
  const py::ssize_t d_in = record.last_product.cols();
  py::dict out;
  out["step"] = to_array(std::move(record.step), {points});
  out["train_error"] = to_array(std::move(record.train), {points});
  out["test_error"] = to_array(std::move(record.test), {points});
  spectrum_to_dict(
      std::move(record.spectrum), options.top, options.spectrum, points, out);
  if (options.save_product) {
    // Kept column-major per point: the axes are swapped as a view.
    out["product"] = to_array(std::move(record.product), {points, d_in, d_out})
                         .attr("transpose")(0, 2, 1);
  }
  if (options.save_weights) {
    const auto size =
        points > 0 ? static_cast<py::ssize_t>(record.weights.size()) / points : 0;
    out["weights"] = to_array(std::move(record.weights), {points, size});
  }
  if (options.save_gram) { // symmetric: the order of the axes does not matter
    out["input_gram"] = to_array(std::move(record.input_gram), {points, d_in, d_in});
    out["output_gram"] =
        to_array(std::move(record.output_gram), {points, d_out, d_out});
  }
  out["last_product"] = std::move(record.last_product);
  out["status"] = static_cast<int>(result.status);
  out["steps"] = result.steps;
  return out;
}

template <class Scalar, class Dynamics>
py::dict record_run(Dynamics& dynamics,
                    const Objective<Scalar>& objective,
                    const StopRules& rules,
                    RecordOptions options,
                    py::object progress,
                    py::object callback) {
  Poller poller(std::move(progress));
  options.watcher = poller.watcher(std::move(callback));
  std::atomic<bool> cancelled{false};
  Record<Scalar> record;
  RunResult result;
  {
    const py::gil_scoped_release release; // all state is our own
    Control control(cancelled, [&](Index step) {
      if (poller(step)) {
        cancelled = true;
      }
    });
    result = run_recorded<Scalar>(
        dynamics, objective.d_out(), objective.d_in(), rules, options, control, record);
  }
  py::dict out = to_dict(std::move(record), result, options);
  out["raised"] = poller.raised();
  return out;
}

// A solution at given times; `times` is the caller's list, ours by now.
template <class Scalar>
py::dict record_solution(const Solution<Scalar>& solution,
                         const Objective<Scalar>& objective,
                         const std::vector<double>& times,
                         RecordOptions options,
                         int n_threads,
                         py::object progress,
                         py::object callback) {
  Poller poller(std::move(progress));
  options.watcher = poller.watcher(std::move(callback));
  Record<Scalar> record;
  RunResult result;
  {
    const py::gil_scoped_release release; // all state is our own
    const bool complete = record_times<Scalar>(
        solution,
        objective,
        times,
        options,
        n_threads,
        [&](Index done) { return poller(done); },
        record);
    result.status = complete ? Status::reached_end : Status::pending;
  }
  py::dict out = to_dict(std::move(record), result, options);
  out["raised"] = poller.raised();
  return out;
}

} // namespace linflow::bindings
