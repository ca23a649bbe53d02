#include "bindings.hpp"

#include "linflow/products.hpp"

#include <chrono>

namespace linflow::bindings {
namespace {

// Seconds for one round of the three products of a gradient-descent step, alone: the
// yardstick of the benchmarks.
template <class Scalar>
double time_products(Index d_out, Index d_in, Index units, Index rounds) {
  Matrix<Scalar> X = Matrix<Scalar>::Constant(d_in, units, Scalar(1e-3));
  Matrix<Scalar> Y = Matrix<Scalar>::Constant(d_out, units, Scalar(1e-3));
  Matrix<Scalar> next_X = X;
  Matrix<Scalar> G = Matrix<Scalar>::Zero(d_out, d_in);
  const auto start = std::chrono::steady_clock::now();
  for (Index i = 0; i < rounds; ++i) {
    add_product_nt<Scalar>(Scalar(1e-9), Y, X, G);
    add_product_tn<Scalar>(Scalar(1e-9), G, Y, next_X);
    add_product<Scalar>(Scalar(1e-9), G, X, Y);
  }
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  return spent.count() / static_cast<double>(rounds);
}

} // namespace

void bind_products(py::module_& module) {
  auto products = module.def_submodule("products", "Matrix products, for benchmarks.");
  products.def(
      "time_products",
      [](Index d_out, Index d_in, Index units, Index rounds, bool float32) {
        const py::gil_scoped_release release; // plain memory of our own
        return float32 ? time_products<float>(d_out, d_in, units, rounds)
                       : time_products<double>(d_out, d_in, units, rounds);
      },
      py::arg("d_out"),
      py::arg("d_in"),
      py::arg("units"),
      py::arg("rounds"),
      py::arg("float32") = false);
}

} // namespace linflow::bindings
