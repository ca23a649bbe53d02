#include "bindings.hpp"

#include "linflow/network.hpp"

namespace linflow::bindings {

void bind_network(py::module_& module) {
  auto network = module.def_submodule("network", "The compressed network.");
  network.def("realised_width",
              &realised_width,
              py::arg("width"),
              py::arg("d_in"),
              py::arg("d_out"));
  network.def(
      "draw_gaussian",
      [](const Seed& seed,
         Index d_in,
         Index d_out,
         double width,
         double variance1,
         double variance2) {
        const Index r = hidden_units(width, d_in, d_out);
        Matrix<double> X(d_in, r);
        Matrix<double> Y(d_out, r);
        {
          const py::gil_scoped_release release; // plain memory of our own
          Pcg64 stream(seed);
          draw_gaussian<double>(stream, width, variance1, variance2, X, Y);
        }
        return py::make_tuple(std::move(X), std::move(Y));
      },
      py::arg("seed"),
      py::arg("d_in"),
      py::arg("d_out"),
      py::arg("width"),
      py::arg("variance1"),
      py::arg("variance2"));
  network.def(
      "compress",
      [](const MatrixIn<double>& W1, const MatrixIn<double>& W2) {
        Compressed out;
        {
          const py::gil_scoped_release release; // the caller's arrays are only read
          out = compress(W1, W2);
        }
        return py::make_tuple(std::move(out.X), std::move(out.Y), std::move(out.basis));
      },
      py::arg("W1"),
      py::arg("W2"));
}

} // namespace linflow::bindings
