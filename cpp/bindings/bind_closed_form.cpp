#include "linflow/closed_form.hpp"

#include "record.hpp"

namespace linflow::bindings {
namespace {

template <class Scalar> void define_closed_form(py::module_& closed_form) {
  closed_form.def(
      "run",
      [](const MatrixIn<Scalar>& X,
         const MatrixIn<Scalar>& Y,
         const MatrixIn<Scalar>& target,
         const std::optional<Matrix<Scalar>>& noise,
         double lam,
         double mu,
         const std::vector<double>& times,
         Index top,
         bool save_product,
         bool save_gram,
         int n_threads,
         py::object progress,
         py::object callback) {
        const Objective<Scalar> objective(target, noise);
        const auto flow = std::make_shared<const Riccati<Scalar>>(
            objective.target(), static_cast<Scalar>(lam), static_cast<Scalar>(mu));
        const ClosedForm<Scalar> solution(flow, X, Y);
        py::dict out =
            record_solution<Scalar>(solution,
                                    objective,
                                    times,
                                    {1, top, save_product, {}, false, save_gram},
                                    n_threads,
                                    std::move(progress),
                                    std::move(callback));
        // The state to go on from.
        RiccatiWorkspace<Scalar> workspace;
        Matrix<Scalar> last_X;
        Matrix<Scalar> last_Y;
        const double last = times.empty() ? 0.0 : times.back();
        solution.start().factors(static_cast<Scalar>(last), workspace, last_X, last_Y);
        out["X"] = std::move(last_X);
        out["Y"] = std::move(last_Y);
        return out;
      },
      py::arg("X").noconvert(),
      py::arg("Y").noconvert(),
      py::arg("target").noconvert(),
      py::arg("noise").noconvert().none(true),
      py::kw_only(),
      py::arg("lam"),
      py::arg("mu"),
      py::arg("times"),
      py::arg("top"),
      py::arg("save_product"),
      py::arg("save_gram") = false,
      py::arg("n_threads"),
      py::arg("progress"),
      py::arg("callback") = py::none());
}

} // namespace

void bind_closed_form(py::module_& module) {
  auto closed_form =
      module.def_submodule("closed_form", "The flow at any time, by one propagator.");
  define_closed_form<double>(closed_form);
  define_closed_form<float>(closed_form);
  closed_form.def(
      "self_consistent_factors",
      [](const MatrixIn<double>& A, double lam, double mu) {
        auto out = self_consistent_factors<double>(A, lam, mu);
        return py::make_tuple(std::move(out.X), std::move(out.Y));
      },
      py::arg("A"),
      py::arg("lam"),
      py::arg("mu"));
}

} // namespace linflow::bindings
