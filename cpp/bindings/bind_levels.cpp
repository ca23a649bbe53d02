#include "linflow/levels.hpp"

#include "bindings.hpp"

namespace linflow::bindings {

// For tests: the levels from traces, to be held against those from eigenvalues.
void bind_levels(py::module_& module) {
  auto levels =
      module.def_submodule("levels", "The two-level start next to a network.");
  levels.def(
      "fitted_levels",
      [](const Matrix<double>& X, const Matrix<double>& Y) {
        QuadraticData<double> data;
        data.target.setZero(Y.rows(), X.rows());
        QuadraticCost<double> cost(std::move(data));
        GramFlow<double> flow(cost);
        Vector<double> state;
        flow.pack(X, Y, state);
        const auto [lam, mu, residual] = fitted_levels<double>(flow, state);
        return std::tuple{lam, mu, residual};
      },
      py::arg("X"),
      py::arg("Y"));
}

} // namespace linflow::bindings
