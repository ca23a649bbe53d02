#include "costs.hpp"

#include "linflow/riccati.hpp"

namespace linflow::bindings {
namespace {

template <class Scalar>
void define_cost(py::module_& module,
                 const char* base,
                 const char* quadratic,
                 const char* user,
                 const char* basis) {
  using Optional = std::optional<Matrix<Scalar>>;
  py::class_<TargetBasis<Scalar>, std::shared_ptr<TargetBasis<Scalar>>>(module, basis)
      .def(py::init<>());
  py::class_<Cost<Scalar>>(module, base);
  py::class_<QuadraticCost<Scalar>, Cost<Scalar>>(module, quadratic)
      .def(py::init([](Matrix<Scalar> target,
                       Optional truth,
                       Optional covariance,
                       Optional mask,
                       double curvature,
                       std::shared_ptr<TargetBasis<Scalar>> shared) {
             return std::make_unique<QuadraticCost<Scalar>>(
                 QuadraticData<Scalar>{std::move(target),
                                       std::move(truth),
                                       std::move(covariance),
                                       std::move(mask),
                                       curvature,
                                       std::move(shared)});
           }),
           py::kw_only(),
           py::arg("target"),
           py::arg("truth").none(true),
           py::arg("covariance").none(true),
           py::arg("mask").none(true),
           py::arg("curvature"),
           py::arg("basis"));
  py::class_<UserCost<Scalar>, Cost<Scalar>>(module, user)
      .def(py::init<Index, Index, py::object, py::object, Optional>(),
           py::kw_only(),
           py::arg("d_out"),
           py::arg("d_in"),
           py::arg("gradient"),
           py::arg("cost"),
           py::arg("truth").none(true));
}

} // namespace

void bind_cost(py::module_& module) {
  auto cost = module.def_submodule("cost", "Costs of the learned matrix.");
  define_cost<double>(cost, "Cost64", "Quadratic64", "User64", "TargetBasis64");
  define_cost<float>(cost, "Cost32", "Quadratic32", "User32", "TargetBasis32");
}

} // namespace linflow::bindings
