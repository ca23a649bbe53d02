#include "linflow/descent.hpp"

#include "record.hpp"

namespace linflow::bindings {
namespace {

template <class Scalar> void define_descent(py::module_& descent) {
  descent.def(
      "run",
      [](const MatrixIn<Scalar>& X,
         const MatrixIn<Scalar>& Y,
         const MatrixIn<Scalar>& target,
         std::optional<Matrix<Scalar>> noise,
         double step_size,
         std::pair<double, double> learning_rates,
         double scale,
         const StopRules& stop,
         Index save_every,
         Index top,
         bool save_product,
         bool save_weights,
         const SpectrumOptions& spectrum,
         py::object progress,
         py::object callback) {
        const Objective<Scalar> objective(target, std::move(noise));
        Descent<Scalar> dynamics(Y.rows(), X.rows(), X.cols());
        dynamics.begin(objective,
                       {step_size, learning_rates.first, learning_rates.second, scale},
                       X.cols());
        dynamics.X() = X;
        dynamics.Y() = Y;
        auto out =
            record_run<Scalar>(dynamics,
                               objective,
                               stop,
                               {save_every, top, save_product, spectrum, save_weights},
                               std::move(progress),
                               std::move(callback));
        out["X"] = dynamics.release_X();
        out["Y"] = dynamics.release_Y();
        return out;
      },
      py::arg("X").noconvert(),
      py::arg("Y").noconvert(),
      py::arg("target").noconvert(),
      py::arg("noise").noconvert().none(true),
      py::kw_only(),
      py::arg("step_size"),
      py::arg("learning_rates"),
      py::arg("scale"),
      py::arg("stop"),
      py::arg("save_every"),
      py::arg("top"),
      py::arg("save_product"),
      py::arg("save_weights") = false,
      py::arg_v("spectrum", SpectrumOptions(), "SpectrumOptions()"),
      py::arg("progress"),
      py::arg("callback") = py::none());
}

} // namespace

void bind_descent(py::module_& module) {
  auto descent = module.def_submodule("descent", "Gradient descent.");
  define_descent<double>(descent);
  define_descent<float>(descent);
}

} // namespace linflow::bindings
