#include "linflow/phi_functions.hpp"

#include "bindings.hpp"

namespace linflow::bindings {
namespace {

template <class Scalar> Matrix<double> phi_functions(const Vector<double>& z) {
  PhiFunctions<Scalar> phi;
  phi.compute(z.cast<Scalar>().array());
  Matrix<double> out(z.size(), 4);
  out << phi.phi0().matrix().template cast<double>(),
      phi.phi1().matrix().template cast<double>(),
      phi.phi2().matrix().template cast<double>(),
      phi.phi3().matrix().template cast<double>();
  return out;
}

} // namespace

void bind_phi_functions(py::module_& module) {
  auto submodule = module.def_submodule("phi_functions", "Weights of exponentials.");
  submodule.def(
      "phi_functions",
      [](const Vector<double>& z, bool float32) {
        return float32 ? phi_functions<float>(z) : phi_functions<double>(z);
      },
      py::arg("z"),
      py::arg("float32") = false);
}

} // namespace linflow::bindings
