// Shared by the bindings of single stepped runs: the record of a run as a dict.
#pragma once

#include "bindings.hpp"

#include "linflow/observe.hpp"

namespace linflow::bindings {

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
  out["singular_values"] =
      to_array(std::move(record.singular_values), {points, options.top});
  if (options.save_product) {
    // Kept column-major per point: the axes are swapped as a view.
    out["product"] = to_array(std::move(record.product), {points, d_in, d_out})
                         .attr("transpose")(0, 2, 1);
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
                    const RecordOptions& options,
                    py::object progress) {
  Poller poller(std::move(progress));
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
                         const RecordOptions& options,
                         int n_threads,
                         py::object progress) {
  Poller poller(std::move(progress));
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
