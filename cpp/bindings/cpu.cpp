// Which of the compiled instruction-set variants can this processor run? Built for the
// baseline, so that it can be asked before any of them is loaded.
#include <pybind11/pybind11.h>

#include <string>

namespace py = pybind11;

namespace {

#if (defined(__x86_64__) || defined(_M_X64)) && defined(__GNUC__)
#if defined(__clang__) && __clang_major__ < 18
// By features, as the levels have no names yet, nor have some of their features (LZCNT,
// F16C, MOVBE), which come with the others in every processor.
bool supports_level(char level) {
  switch (level) {
  case '2':
    return __builtin_cpu_supports("ssse3") != 0 &&
           __builtin_cpu_supports("sse4.2") != 0 &&
           __builtin_cpu_supports("popcnt") != 0;
  case '3':
    return supports_level('2') && __builtin_cpu_supports("avx2") != 0 &&
           __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0 &&
           __builtin_cpu_supports("fma") != 0;
  default:
    return supports_level('3') && __builtin_cpu_supports("avx512f") != 0 &&
           __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512cd") != 0 &&
           __builtin_cpu_supports("avx512dq") != 0 &&
           __builtin_cpu_supports("avx512vl") != 0;
  }
}
#else
bool supports_level(char level) {
  switch (level) {
  case '2':
    return __builtin_cpu_supports("x86-64-v2") != 0;
  case '3':
    return __builtin_cpu_supports("x86-64-v3") != 0;
  default:
    return __builtin_cpu_supports("x86-64-v4") != 0;
  }
}
#endif
#endif

bool supported(const std::string& variant) {
#if (defined(__x86_64__) || defined(_M_X64)) && defined(__GNUC__)
  __builtin_cpu_init();
  if (variant == "v2" || variant == "v3" || variant == "v4") {
    return supports_level(variant[1]);
  }
#endif
  return variant == "generic" || variant == "native";
}

} // namespace

PYBIND11_MODULE(_cpu, module) {
  module.attr("VARIANTS") = py::str(LINFLOW_VARIANTS).attr("split")(",");
  module.def("supported", &supported, py::arg("variant"));
}
