#include "bindings.hpp"

#include "linflow/random.hpp"

#include <algorithm>
#include <stdexcept>

namespace linflow::bindings {

// The draws are for tests: to be held against numpy.random.Generator.
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
  random.def(
      "state_words",
      [](const std::vector<std::uint32_t>& words,
         const py::array_t<std::uint64_t, py::array::c_style>& parameters) {
        if (parameters.ndim() != 2) {
          throw std::invalid_argument("state_words: parameters of two dimensions");
        }
        const SeedMixer common(words);
        const auto bits = parameters.unchecked<2>();
        py::array_t<std::uint64_t> out({bits.shape(1), py::ssize_t{4}});
        std::uint64_t* to = out.mutable_data();
        for (py::ssize_t i = 0; i < bits.shape(1); ++i) {
          SeedMixer mixer = common;
          for (py::ssize_t k = 0; k < bits.shape(0); ++k) {
            mixer.add(static_cast<std::uint32_t>(bits(k, i)));
            mixer.add(static_cast<std::uint32_t>(bits(k, i) >> 32U));
          }
          const Seed seed = mixer.generate();
          to = std::copy(seed.begin(), seed.end(), to);
        }
        return out;
      },
      "Seeds of many streams: SeedSequence words they share, then 64-bit parameters.",
      py::arg("words"),
      py::arg("parameters"));
}

} // namespace linflow::bindings
