#include "bindings.hpp"

#include "linflow/ensemble.hpp"

#include <Eigen/Core>

#include <string>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace linflow::bindings {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#else
  return "unknown";
#endif
}

py::dict build_info() {
  py::dict out;
  out["version"] = LINFLOW_VERSION;
  out["instruction_set"] = LINFLOW_VARIANT;
  out["simd"] = Eigen::SimdInstructionSetsInUse();
  out["compiler"] = compiler();
  out["eigen"] = std::to_string(EIGEN_WORLD_VERSION) + "." +
                 std::to_string(EIGEN_MAJOR_VERSION) + "." +
                 std::to_string(EIGEN_MINOR_VERSION);
#ifdef _OPENMP
  out["openmp"] = _OPENMP;
#else
  out["openmp"] = py::none();
#endif
  out["threads"] = default_threads();
  return out;
}

// libgomp's threads do not survive a fork, and the child's next parallel region would
// wait for them for ever. Giving them up just before the fork cures it; they come back
// with the next region. LLVM's runtime starts anew in the child by itself, and fails
// there if it was paused.
void before_fork() {
#if defined(_OPENMP) && !defined(__clang__) && (_OPENMP >= 201811 || __GNUC__ >= 9)
  omp_pause_resource_all(omp_pause_hard);
#endif
}

} // namespace

void bind_build(py::module_& module) {
  // Block sizes of the products decide the order of additions: pinned, so that results
  // do not depend on the caches of the machine (32 KiB, 1 MiB, 16 MiB).
  Eigen::setCpuCacheSizes(32 * 1024, 1024 * 1024, 16 * 1024 * 1024);
  auto build = module.def_submodule("build", "How the core was built.");
  build.def("info", &build_info);
  build.def("before_fork", &before_fork);
}

} // namespace linflow::bindings
