#include "linflow/nodes.hpp"

#include "bindings.hpp"

namespace linflow::bindings {
namespace {

// What the polynomial through nodes gives for look(theta), a vector, or none where one
// can't be computed; none where the polynomial is refused.
std::optional<Matrix<double>> interpolate(const py::function& look,
                                          const std::vector<double>& thetas,
                                          double tolerance) {
  const auto into = [&look](double theta, auto&& out) {
    const py::object vector = look(theta);
    if (!vector.is_none()) {
      out = vector.cast<Vector<double>>();
    }
    return !vector.is_none();
  };
  Vector<double> start;
  into(0.0, start);
  NodeInterpolation<double> nodes;
  nodes.reserve(start.size());
  nodes.value(0) = start;
  into(1.0, nodes.value(1));
  nodes.make(thetas.size(), tolerance, into);
  if (!nodes.ready()) {
    return {};
  }
  Matrix<double> out(start.size(), static_cast<Index>(thetas.size()));
  nodes.evaluate(thetas, out);
  return out;
}

} // namespace

void bind_nodes(py::module_& module) {
  auto nodes = module.def_submodule("nodes", "Polynomials through nested nodes.");
  nodes.def("interpolate",
            interpolate,
            py::arg("look"),
            py::arg("thetas"),
            py::arg("tolerance"));
}

} // namespace linflow::bindings
