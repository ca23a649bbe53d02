#include "bindings.hpp"

#include "linflow/stop.hpp"

namespace linflow::bindings {

void bind_stop(py::module_& module) {
  auto stop = module.def_submodule("stop", "Stop rules.");
  py::class_<StopRules>(stop, "StopRules")
      .def(py::init([](Index max_steps,
                       double train_below,
                       double stall_change,
                       double stall_drop,
                       Index rising_times,
                       Index rising_after) {
             return StopRules{max_steps,
                              train_below,
                              stall_change,
                              stall_drop,
                              rising_times,
                              rising_after};
           }),
           py::kw_only(),
           py::arg("max_steps"),
           py::arg("train_below") = kNaN,
           py::arg("stall_change") = kNaN,
           py::arg("stall_drop") = 0.0,
           py::arg("rising_times") = 0,
           py::arg("rising_after") = 0)
      .def_readonly("max_steps", &StopRules::max_steps);
}

} // namespace linflow::bindings
