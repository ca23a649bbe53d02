#include "linflow/modes.hpp"

#include "bindings.hpp"

namespace linflow::bindings {

void bind_modes(py::module_& module) {
  auto modes = module.def_submodule("modes", "Single modes.");
  modes.def(
      "mode_curves",
      [](const Vector<double>& times,
         const Vector<double>& s0,
         const Vector<double>& target,
         const Vector<double>& kappa) {
        Matrix<double> out(times.size(), s0.size());
        {
          const py::gil_scoped_release release; // the arguments are copies
          mode_curves<double>(times, s0, target, kappa, out);
        }
        return out;
      },
      py::arg("times"),
      py::arg("s0"),
      py::arg("target"),
      py::arg("kappa"));
  modes.def("mode_time",
            py::vectorize([](double s1, double s0, double target, double kappa) {
              return mode_time<double>(s1, s0, target, kappa);
            }),
            py::arg("s1"),
            py::arg("s0"),
            py::arg("target"),
            py::arg("kappa"));
}

} // namespace linflow::bindings
