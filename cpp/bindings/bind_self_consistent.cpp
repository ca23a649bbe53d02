#include "linflow/self_consistent.hpp"

#include "record.hpp"

namespace linflow::bindings {
namespace {

template <class Scalar> void define_self_consistent(py::module_& self_consistent) {
  self_consistent.def(
      "run",
      [](const MatrixIn<Scalar>& A,
         const MatrixIn<Scalar>& target,
         const std::optional<Matrix<Scalar>>& noise,
         double step_size,
         double kappa,
         const StopRules& stop,
         Index save_every,
         Index top,
         bool save_product,
         const SpectrumOptions& spectrum,
         py::object progress,
         py::object callback) {
        const Objective<Scalar> objective(target, noise);
        SelfConsistent<Scalar> dynamics(A.rows(), A.cols());
        dynamics.begin(objective, step_size, kappa);
        dynamics.A() = A;
        return record_run<Scalar>(dynamics,
                                  objective,
                                  stop,
                                  {save_every, top, save_product, spectrum},
                                  std::move(progress),
                                  std::move(callback));
      },
      py::arg("A").noconvert(),
      py::arg("target").noconvert(),
      py::arg("noise").noconvert().none(true),
      py::kw_only(),
      py::arg("step_size"),
      py::arg("kappa"),
      py::arg("stop"),
      py::arg("save_every"),
      py::arg("top"),
      py::arg("save_product"),
      py::arg_v("spectrum", SpectrumOptions(), "SpectrumOptions()"),
      py::arg("progress"),
      py::arg("callback") = py::none());
}

} // namespace

void bind_self_consistent(py::module_& module) {
  auto self_consistent =
      module.def_submodule("self_consistent", "Self-consistent dynamics.");
  define_self_consistent<double>(self_consistent);
  define_self_consistent<float>(self_consistent);
}

} // namespace linflow::bindings
