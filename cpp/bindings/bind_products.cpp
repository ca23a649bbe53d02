#include "bindings.hpp"

#include "linflow/products.hpp"

#include <chrono>

namespace linflow::bindings {
namespace {

// Seconds for the three products of a gradient-descent step, each as C = A·B on its own
// (Eigen clears C first, as it does for any product that is assigned): the yardstick of
// the benchmarks.
template <class Scalar>
double time_products(Index d_out, Index d_in, Index units, Index rounds) {
  const Matrix<Scalar> X = Matrix<Scalar>::Random(d_in, units);
  const Matrix<Scalar> Y = Matrix<Scalar>::Random(d_out, units);
  Matrix<Scalar> G = Matrix<Scalar>::Zero(d_out, d_in);
  Matrix<Scalar> dX = Matrix<Scalar>::Zero(d_in, units);
  Matrix<Scalar> dY = Matrix<Scalar>::Zero(d_out, units);
  const auto start = std::chrono::steady_clock::now();
  for (Index i = 0; i < rounds; ++i) {
    G.setZero();
    add_product_nt<Scalar>(Scalar(1), Y, X, G);
    dX.setZero();
    add_product_tn<Scalar>(Scalar(1), G, Y, dX);
    dY.setZero();
    add_product<Scalar>(Scalar(1), G, X, dY);
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
