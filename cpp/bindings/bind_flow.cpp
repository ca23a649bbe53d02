#include "linflow/network_flow.hpp"

#include "costs.hpp"
#include "layers.hpp"
#include "record.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>

namespace linflow::bindings {
namespace {

py::list segments_to_list(const std::vector<Segment>& segments) {
  py::list out;
  for (const auto& segment : segments) {
    py::dict entry;
    entry["method"] = segment.method;
    entry["begin"] = segment.begin;
    entry["end"] = segment.end;
    entry["steps"] = segment.steps;
    entry["rejected"] = segment.rejected;
    entry["rhs_evaluations"] = segment.evaluations;
    out.append(std::move(entry));
  }
  return out;
}

// Event rules from Python: (kind, level, mode, direction, terminal, function or None).
// What a function raises is kept in `raised`, and the core told by a UserError.
using RuleIn = std::tuple<int, double, Index, int, bool, py::object>;

std::vector<EventRule> event_rules(const std::vector<RuleIn>& rules,
                                   std::optional<py::object>& raised) {
  std::vector<EventRule> out;
  for (const auto& [kind, level, mode, direction, terminal, function] : rules) {
    EventRule rule{static_cast<EventKind>(kind), level, mode, direction, terminal, {}};
    if (!function.is_none()) {
      // A plain pointer: `rules` outlives the run, and copies of the closure made
      // without the GIL must not count references.
      rule.function = [call = function.ptr(), &raised](double time,
                                                       const Matrix<double>& A) {
        const py::gil_scoped_acquire gil;
        try {
          const auto held = py::reinterpret_borrow<py::object>(call);
          return py::cast<double>(py::float_(held(time, A)));
        } catch (py::error_already_set& error) {
          raised = error.value();
        }
        throw UserError("an event function raised");
      };
    }
    out.push_back(std::move(rule));
  }
  return out;
}

template <class Scalar>
py::dict flow_to_dict(FlowRecord<Scalar>&& record,
                      const FlowOptions& options,
                      const LayerShape& shape) {
  const auto points = static_cast<py::ssize_t>(record.times.size());
  const py::ssize_t d_out = shape.widths.back();
  const py::ssize_t d_in = shape.widths.front();
  py::dict out;
  out["times"] = to_array(std::move(record.times), {points});
  out["train_error"] = to_array(std::move(record.train), {points});
  out["test_error"] = to_array(std::move(record.test), {points});
  spectrum_to_dict(
      std::move(record.spectrum), options.spectrum.top, options.spectrum, points, out);
  if (options.save_product) {
    out["product"] = to_array(std::move(record.product), {points, d_in, d_out})
                         .attr("transpose")(0, 2, 1);
  }
  if (options.save_weights) {
    const py::ssize_t size = record.last_state.size();
    out["weights"] = to_array(std::move(record.weights), {points, size});
  }
  out["last_product"] = std::move(record.last_product);
  const Index units = // differs after a run in Gram form
      shape.widths.size() == 3 ? record.last_state.size() / (d_in + d_out) : 0;
  auto widths = shape.widths;
  if (units > 0) {
    widths[1] = units;
  }
  out["layers"] = unpack_layers(record.last_state, widths);
  out["form"] = record.form;
  out["status"] = static_cast<int>(record.status);
  out["time"] = record.time;
  out["atol"] = record.atol;
  out["rhs_evaluations"] = record.evaluations;
  out["segments"] = segments_to_list(record.segments);
  py::list events;
  for (const auto& event : record.events) {
    events.append(py::make_tuple(event.rule, event.time, event.direction));
  }
  out["events"] = std::move(events);
  return out;
}

template <class Scalar> void define_flow(py::module_& flow, const char* name) {
  flow.def(
      name,
      [](const std::vector<Matrix<Scalar>>& layers,
         Cost<Scalar>& cost,
         std::vector<double> learning_rates,
         double scale,
         const std::vector<double>& times,
         const std::vector<RuleIn>& events,
         const std::string& method,
         double rtol,
         double atol,
         double fixed_step,
         bool land,
         Index top,
         SpectrumOptions spectrum,
         bool save_product,
         bool save_weights,
         py::object progress,
         py::object callback) {
        const auto shape = layer_shape(layers, std::move(learning_rates), scale);
        const auto start = pack_layers(layers);
        std::optional<py::object> raised;
        spectrum.top = top;
        Poller poller(std::move(progress));
        const FlowOptions options{
            {.method = method, .rtol = rtol, .fixed_step = fixed_step},
            atol,
            event_rules(events, raised),
            times,
            std::move(spectrum),
            save_product,
            save_weights,
            land,
            poller.watcher(std::move(callback))};
        std::atomic<bool> cancelled{false};
        FlowRecord<Scalar> record;
        {
          const py::gil_scoped_release release; // all state is our own
          Index done = 0; // runs that are made again do not go back
          Control control(cancelled, [&](Index percent) {
            done = std::max(done, percent);
            if (poller(done)) {
              cancelled = true;
            }
          });
          run_network_flow<Scalar>(cost, shape, start, options, control, record);
        }
        auto out = flow_to_dict(std::move(record), options, shape);
        const auto* user = dynamic_cast<UserCost<Scalar>*>(&cost);
        if (!raised && user != nullptr) {
          raised = user->raised();
        }
        out["raised"] = raised ? *raised : poller.raised();
        return out;
      },
      py::kw_only(),
      py::arg("layers"),
      py::arg("cost"),
      py::arg("learning_rates"),
      py::arg("scale"),
      py::arg("times"),
      py::arg("events"),
      py::arg("method"),
      py::arg("rtol"),
      py::arg("atol"),
      py::arg("fixed_step"),
      py::arg("land"),
      py::arg("top"),
      py::arg("spectrum"),
      py::arg("save_product"),
      py::arg("save_weights"),
      py::arg("progress"),
      py::arg("callback") = py::none());
}

} // namespace

void bind_flow(py::module_& module) {
  auto flow = module.def_submodule("flow", "Gradient flow.");
  define_flow<double>(flow, "run_float64");
  define_flow<float>(flow, "run_float32");
}

} // namespace linflow::bindings
