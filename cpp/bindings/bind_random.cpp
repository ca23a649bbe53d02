#include "bindings.hpp"

#include "linflow/random.hpp"

namespace linflow::bindings {

// For tests: the streams of the core, to be held against numpy.random.Generator.
void bind_random(py::module_& module) {
  auto random = module.def_submodule("random", "Random streams of the core.");
  random.def(
      "standard_normal",
      [](const Seed& seed, std::size_t count) {
        std::vector<double> out(count);
        Pcg64(seed).standard_normal(out);
        const auto size = static_cast<py::ssize_t>(count);
        return to_array(std::move(out), {size});
      },
      py::arg("seed"),
      py::arg("count"));
  random.def(
      "chi_square",
      [](const Seed& seed, const std::vector<double>& degrees_of_freedom) {
        Pcg64 stream(seed);
        std::vector<double> out;
        out.reserve(degrees_of_freedom.size());
        for (const double df : degrees_of_freedom) {
          out.push_back(stream.chi_square(df));
        }
        const auto size = static_cast<py::ssize_t>(out.size());
        return to_array(std::move(out), {size});
      },
      py::arg("seed"),
      py::arg("degrees_of_freedom"));
}

} // namespace linflow::bindings
