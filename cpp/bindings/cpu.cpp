// Which of the compiled instruction-set variants can this processor run? Built for the
// baseline, so that it can be asked before any of them is loaded.
#include <pybind11/pybind11.h>

#include <string>

namespace py = pybind11;

namespace {

bool supported(const std::string& variant) {
#if (defined(__x86_64__) || defined(_M_X64)) && defined(__GNUC__)
  __builtin_cpu_init();
  if (variant == "v2") {
    return __builtin_cpu_supports("x86-64-v2") != 0;
  }
  if (variant == "v3") {
    return __builtin_cpu_supports("x86-64-v3") != 0;
  }
  if (variant == "v4") {
    return __builtin_cpu_supports("x86-64-v4") != 0;
  }
#endif
  return variant == "generic" || variant == "native";
}

} // namespace

PYBIND11_MODULE(_cpu, module) {
  module.attr("VARIANTS") = py::str(LINFLOW_VARIANTS).attr("split")(",");
  module.def("supported", &supported, py::arg("variant"));
}
