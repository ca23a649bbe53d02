#include "linflow/lazy.hpp"

#include "record.hpp"

namespace linflow::bindings {
namespace {

template <class Scalar> void define_lazy(py::module_& lazy) {
  lazy.def(
      "run",
      [](const MatrixIn<Scalar>& X,
         const MatrixIn<Scalar>& Y,
         const MatrixIn<Scalar>& target,
         const std::optional<Matrix<Scalar>>& noise,
         const std::vector<double>& times,
         Index top,
         bool save_product,
         int n_threads,
         py::object progress,
         py::object callback) {
        const Objective<Scalar> objective(target, noise);
        const Lazy<Scalar> solution(objective, X, Y);
        return record_solution<Scalar>(solution,
                                       objective,
                                       times,
                                       {1, top, save_product},
                                       n_threads,
                                       std::move(progress),
                                       std::move(callback));
      },
      py::arg("X").noconvert(),
      py::arg("Y").noconvert(),
      py::arg("target").noconvert(),
      py::arg("noise").noconvert().none(true),
      py::kw_only(),
      py::arg("times"),
      py::arg("top"),
      py::arg("save_product"),
      py::arg("n_threads"),
      py::arg("progress"),
      py::arg("callback") = py::none());
}

} // namespace

void bind_lazy(py::module_& module) {
  auto lazy = module.def_submodule("lazy", "Lazy dynamics at any time.");
  define_lazy<double>(lazy);
  define_lazy<float>(lazy);
}

} // namespace linflow::bindings
