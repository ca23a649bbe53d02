#include "linflow/spectrum.hpp"

#include "record.hpp"

#include <chrono>

namespace linflow::bindings {
namespace {

// A workspace may be used by one thread at a time; the GIL is kept so that Python's
// threads cannot meet in it (each call takes milliseconds).
void define_workspaces(py::module_& spectrum) {
  py::class_<TopTriplets>(spectrum, "TopTriplets")
      .def(py::init<Index, Index, Index>(),
           py::arg("rows"),
           py::arg("cols"),
           py::arg("top"))
      .def(
          "update",
          [](TopTriplets& self, const Matrix<double>& A) {
            return static_cast<int>(self.update(A));
          },
          py::arg("A"))
      .def(
          "compute",
          [](TopTriplets& self, const Matrix<double>& A) {
            return static_cast<int>(self.compute(A));
          },
          py::arg("A"))
      .def_property_readonly(
          "values",
          [](const TopTriplets& self) { return Vector<double>(self.values()); })
      .def_property_readonly(
          "U", [](const TopTriplets& self) { return Matrix<double>(self.U()); })
      .def_property_readonly(
          "V", [](const TopTriplets& self) { return Matrix<double>(self.V()); })
      .def_property_readonly("doubtful", &TopTriplets::doubtful)
      .def_property_readonly("full_decompositions", &TopTriplets::full_decompositions)
      .def_property_readonly("iterations", &TopTriplets::iterations);
  py::class_<ModeTracker>(spectrum, "ModeTracker")
      .def(py::init<Index, Index, Index>(),
           py::arg("rows"),
           py::arg("cols"),
           py::arg("top"))
      .def(
          "update",
          [](ModeTracker& self,
             const Vector<double>& values,
             const Matrix<double>& U,
             const Matrix<double>& V) { self.update(values, U, V); },
          py::arg("values"),
          py::arg("U"),
          py::arg("V"))
      .def_property_readonly("values",
                             [](const ModeTracker& self) { return self.values(); })
      .def_property_readonly("U", [](const ModeTracker& self) { return self.U(); })
      .def_property_readonly("V", [](const ModeTracker& self) { return self.V(); })
      .def_property_readonly("overlap",
                             [](const ModeTracker& self) { return self.overlap(); })
      .def_property_readonly("cluster",
                             [](const ModeTracker& self) { return self.cluster(); });
}

// For bench/: seconds without Python's own cost.
void define_timings(py::module_& spectrum) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  spectrum.def(
      "time_top",
      [since](const py::sequence& products, Index top) {
        std::optional<TopTriplets> triplets;
        std::vector<double> seconds;
        Matrix<double> A;
        for (const auto& product : products) {
          A = product.cast<Eigen::Ref<const Matrix<double>>>();
          if (!triplets) {
            triplets.emplace(A.rows(), A.cols(), top);
          }
          // A is in the cache, as a step that has just made it leaves it
          const auto start = Clock::now();
          triplets->update(A);
          seconds.push_back(since(start));
        }
        return seconds;
      },
      py::arg("products"),
      py::arg("top"));
  spectrum.def(
      "time_count",
      [since](const Matrix<double>& A, double threshold, Index repeats) {
        Inertia inertia(A.rows(), A.cols());
        Index count = 0;
        inertia.count_above(A, {&threshold, 1}, {&count, 1});
        const auto start = Clock::now();
        for (Index i = 0; i < repeats; ++i) {
          inertia.count_above(A, {&threshold, 1}, {&count, 1});
        }
        return since(start);
      },
      py::arg("A"),
      py::arg("threshold"),
      py::arg("repeats"));
  spectrum.def(
      "time_values",
      [since](const Matrix<double>& A, Index repeats) {
        SingularValues values(A.rows(), A.cols());
        values.compute(A);
        const auto start = Clock::now();
        for (Index i = 0; i < repeats; ++i) {
          values.compute(A);
        }
        return since(start);
      },
      py::arg("A"),
      py::arg("repeats"));
}

void define_options(py::module_& spectrum) {
  py::class_<SpectrumOptions>(spectrum, "SpectrumOptions")
      .def(py::init([](bool follow,
                       bool norms,
                       bool all,
                       double relative,
                       std::vector<double> levels,
                       std::optional<Matrix<double>> target_U,
                       std::optional<Matrix<double>> target_V) {
             return SpectrumOptions{0,
                                    follow,
                                    norms,
                                    all,
                                    relative,
                                    std::move(levels),
                                    std::move(target_U),
                                    std::move(target_V)};
           }),
           py::kw_only(),
           py::arg("follow") = false,
           py::arg("norms") = false,
           py::arg("all") = false,
           py::arg("relative") = kNaN,
           py::arg("levels") = std::vector<double>(),
           py::arg("target_U") = py::none(),
           py::arg("target_V") = py::none());
}

} // namespace

void bind_spectrum(py::module_& module) {
  auto spectrum = module.def_submodule("spectrum", "Singular values.");
  spectrum.def(
      "singular_values",
      [](const Matrix<double>& A, Index top) {
        Vector<double> out(top);
        {
          const py::gil_scoped_release release; // a copy of our own
          Spectrum<double>(A.rows(), A.cols()).singular_values(A, out);
        }
        return out;
      },
      py::arg("A"),
      py::arg("top"));
  spectrum.def(
      "bidiagonal_values",
      [](const std::vector<double>& diagonal,
         const std::vector<double>& superdiagonal) {
        Vector<double> out(static_cast<Index>(diagonal.size()));
        BidiagonalValues(out.size()).compute(diagonal, superdiagonal, out);
        return out;
      },
      py::arg("diagonal"),
      py::arg("superdiagonal"));
  spectrum.def(
      "rank_summary",
      [](const Matrix<double>& A) {
        const RankSummary out = Spectrum<double>(A.rows(), A.cols()).rank_summary(A);
        return py::make_tuple(out.rank, out.stable_rank);
      },
      py::arg("A"));
  spectrum.def(
      "count_above",
      [](const Matrix<double>& A, const std::vector<double>& thresholds) {
        std::vector<Index> counts(thresholds.size());
        Index fallbacks = 0;
        {
          const py::gil_scoped_release release; // copies of our own
          Inertia inertia(A.rows(), A.cols());
          inertia.count_above(A, thresholds, counts);
          fallbacks = inertia.fallbacks();
        }
        return py::make_tuple(counts, fallbacks);
      },
      py::arg("A"),
      py::arg("thresholds"));
  define_workspaces(spectrum);
  define_timings(spectrum);
  define_options(spectrum);
  // Matrices one after the other, as a run would show them: products[i] is the i-th.
  spectrum.def(
      "observe",
      [](const py::sequence& products, Index top, const SpectrumOptions& options) {
        SpectrumRecord record;
        SpectrumOptions wanted = options;
        wanted.top = top;
        std::optional<SpectrumObserver<double>> observer;
        Matrix<double> A; // one copy at a time
        for (const auto& product : products) {
          A = product.cast<Eigen::Ref<const Matrix<double>>>();
          const py::gil_scoped_release release;
          if (!observer) {
            observer.emplace(A.rows(), A.cols(), wanted);
          }
          observer->look(A, record);
        }
        py::dict out;
        const auto looks = static_cast<Index>(products.size());
        spectrum_to_dict(std::move(record), top, wanted, looks, out);
        return out;
      },
      py::arg("products"),
      py::arg("top"),
      py::arg("options"));
}

} // namespace linflow::bindings
