#include "bindings.hpp"

#include "linflow/spectrum.hpp"

namespace linflow::bindings {

void bind_spectrum(py::module_& module) {
  auto spectrum = module.def_submodule("spectrum", "Singular values.");
  spectrum.def(
      "singular_values",
      [](const MatrixIn<double>& A, Index top) {
        Vector<double> out(top);
        {
          const py::gil_scoped_release release; // the caller's array is only read
          Spectrum<double>(A.rows(), A.cols()).singular_values(A, out);
        }
        return out;
      },
      py::arg("A"),
      py::arg("top"));
  spectrum.def(
      "rank_summary",
      [](const MatrixIn<double>& A) {
        const RankSummary out = Spectrum<double>(A.rows(), A.cols()).rank_summary(A);
        return py::make_tuple(out.rank, out.stable_rank);
      },
      py::arg("A"));
}

} // namespace linflow::bindings
