#include "linflow/layer_descent.hpp"

#include "costs.hpp"
#include "layers.hpp"
#include "record.hpp"

namespace linflow::bindings {
namespace {

template <class Scalar>
void define_layer_descent(py::module_& layer_descent, const char* name) {
  layer_descent.def(
      name,
      [](const std::vector<Matrix<Scalar>>& layers,
         Cost<Scalar>& cost,
         std::vector<double> learning_rates,
         double scale,
         double step_size,
         const StopRules& stop,
         Index save_every,
         Index top,
         bool save_product,
         bool save_weights,
         const SpectrumOptions& spectrum,
         py::object progress,
         py::object callback) {
        const auto shape = layer_shape(layers, std::move(learning_rates), scale);
        LayerDescent<Scalar> dynamics(cost, shape, pack_layers(layers), step_size);
        Poller poller(std::move(progress));
        const RecordOptions options{save_every,
                                    top,
                                    save_product,
                                    spectrum,
                                    save_weights,
                                    false,
                                    poller.watcher(std::move(callback))};
        std::atomic<bool> cancelled{false};
        Record<Scalar> record;
        RunResult result;
        try {
          const py::gil_scoped_release release; // all state is our own
          Control control(cancelled, [&](Index step) {
            if (poller(step)) {
              cancelled = true;
            }
          });
          result = run_recorded<Scalar>(
              dynamics, cost.d_out(), cost.d_in(), stop, options, control, record);
        } catch (const UserError&) {
          result.status = Status::user_error;
          dynamics.product(record.last_product);
        }
        auto out = to_dict(std::move(record), result, options);
        const auto* user = dynamic_cast<UserCost<Scalar>*>(&cost);
        out["raised"] =
            user != nullptr && user->raised() ? *user->raised() : poller.raised();
        out["layers"] = unpack_layers(dynamics.state(), shape.widths);
        return out;
      },
      py::kw_only(),
      py::arg("layers"),
      py::arg("cost"),
      py::arg("learning_rates"),
      py::arg("scale"),
      py::arg("step_size"),
      py::arg("stop"),
      py::arg("save_every"),
      py::arg("top"),
      py::arg("save_product"),
      py::arg("save_weights") = false,
      py::arg("spectrum"),
      py::arg("progress"),
      py::arg("callback") = py::none());
}

} // namespace

void bind_layer_descent(py::module_& module) {
  auto layer_descent = module.def_submodule(
      "layer_descent", "Gradient descent of any depth under any cost.");
  define_layer_descent<double>(layer_descent, "run_float64");
  define_layer_descent<float>(layer_descent, "run_float32");
}

} // namespace linflow::bindings
