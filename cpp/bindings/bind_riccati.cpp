#include "linflow/riccati_start.hpp"

#include "bindings.hpp"

namespace linflow::bindings {
namespace {

using Start = RiccatiStart<double>;

py::array_t<double> stack_states(const std::vector<RiccatiState<double>>& states,
                                 Matrix<double> RiccatiState<double>::* what) {
  const Index rows = states.empty() ? 0 : (states[0].*what).rows();
  const Index cols = states.empty() ? 0 : (states[0].*what).cols();
  py::array_t<double> out({Index(states.size()), rows, cols});
  using RowMajor = Eigen::Matrix<double, -1, -1, Eigen::RowMajor>;
  for (std::size_t k = 0; k < states.size(); ++k)
    Eigen::Map<RowMajor>(out.mutable_data() + Index(k) * rows * cols, rows, cols) =
        states[k].*what;
  return out;
}

py::dict riccati_dict(const Start& start,
                      const Vector<double>& times,
                      bool product,
                      bool input_gram,
                      bool output_gram,
                      bool singular_basis,
                      int threads) {
  const RiccatiRequest request{product, input_gram, output_gram, singular_basis};
  std::vector<RiccatiState<double>> out;
  {
    // `times` is a copy and `start` is const and kept alive by the caller.
    py::gil_scoped_release release;
    riccati_states<double>(start, times, request, out, threads, {});
  }
  py::dict result;
  if (product)
    result["product"] = stack_states(out, &RiccatiState<double>::product);
  if (input_gram)
    result["input_gram"] = stack_states(out, &RiccatiState<double>::input_gram);
  if (output_gram)
    result["output_gram"] = stack_states(out, &RiccatiState<double>::output_gram);
  std::vector<bool> form;
  for (const auto& s : out)
    form.push_back(s.residual_form);
  result["residual_form"] = form;
  return result;
}

} // namespace

// The propagator itself: states with their Gram matrices, and a state to go on from.
void bind_riccati(py::module_& parent) {
  auto module = parent.def_submodule("riccati", "The matrix Riccati propagator.");
  py::class_<Riccati<double>, std::shared_ptr<Riccati<double>>>(
      module, "Riccati", "What depends on target, lam and mu alone: one SVD.")
      .def(py::init<const Matrix<double>&, double, double>(),
           py::arg("target"),
           py::arg("lam"),
           py::arg("mu"),
           py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("singular_values", &Riccati<double>::sigma);

  py::class_<Start, std::shared_ptr<Start>>(
      module, "RiccatiStart", "One start of the flow; states at any time, exactly.")
      .def(py::init([](std::shared_ptr<Riccati<double>> flow,
                       const Matrix<double>& X,
                       const Matrix<double>& Y,
                       double tolerance) {
             return std::make_shared<Start>(std::move(flow), X, Y, tolerance);
           }),
           py::arg("flow"),
           py::arg("X"),
           py::arg("Y"),
           py::arg("tolerance") = 64.0,
           py::call_guard<py::gil_scoped_release>())
      .def("states",
           &riccati_dict,
           py::arg("times"),
           py::arg("product") = true,
           py::arg("input_gram") = false,
           py::arg("output_gram") = false,
           py::arg("singular_basis") = false,
           py::arg("threads") = 1,
           "Dictionary of arrays (times, rows, columns).")
      .def(
          "advance",
          [](const Start& start, std::shared_ptr<Riccati<double>> flow, double time) {
            RiccatiWorkspace<double> ws;
            return std::make_shared<Start>(std::move(flow), start.advance(time, ws));
          },
          py::arg("flow"),
          py::arg("time"),
          py::call_guard<py::gil_scoped_release>(),
          "A start at a later time; nothing is lost on the way.")
      .def(
          "factors",
          [](const Start& start, double time) {
            RiccatiWorkspace<double> ws;
            std::pair<Matrix<double>, Matrix<double>> out;
            start.factors(time, ws, out.first, out.second);
            return out;
          },
          py::arg("time"),
          py::call_guard<py::gil_scoped_release>(),
          "(X, Y) = (W1^T, W2) of a network in this state.");
}

} // namespace linflow::bindings
