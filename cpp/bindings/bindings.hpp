// The one header that includes pybind11, and the declarations of all binding files: the
// core below knows no Python.
#pragma once

#include "linflow/run.hpp"
#include "linflow/types.hpp"

#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace linflow::bindings {

namespace py = pybind11;

void bind_build(py::module_& module);
void bind_products(py::module_& module);
void bind_random(py::module_& module);
void bind_network(py::module_& module);
void bind_stop(py::module_& module);
void bind_spectrum(py::module_& module);
void bind_descent(py::module_& module);
void bind_layer_descent(py::module_& module);
void bind_cost(py::module_& module);
void bind_levels(py::module_& module);
void bind_nodes(py::module_& module);
void bind_phi_functions(py::module_& module);
void bind_flow(py::module_& module);
void bind_self_consistent(py::module_& module);
void bind_lazy(py::module_& module);
void bind_riccati(py::module_& module);
void bind_closed_form(py::module_& module);
void bind_modes(py::module_& module);
void bind_ensemble(py::module_& module);

// Arrays come in as Fortran-ordered arrays of the right type, which Python sees to; a
// read-only reference makes no copy.
template <class Scalar> using MatrixIn = Eigen::Ref<const Matrix<Scalar>>;

// A NumPy array (C order, the given shape) that takes over the vector's memory.
template <class T>
py::array_t<T> to_array(std::vector<T>&& values, std::vector<py::ssize_t> shape) {
  auto* owner = new std::vector<T>(std::move(values));
  const py::capsule free(owner,
                         [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(std::move(shape), owner->data(), free);
}

// Lets Python act while the core runs without the GIL: signals (Ctrl-C) and a progress
// callable. What either raises is kept, the run is cancelled, and the binding hands the
// exception back beside the results, so that nothing computed is lost.
class Poller {
public:
  explicit Poller(py::object progress) : progress_(std::move(progress)) {}

  bool operator()(Index done) {
    const py::gil_scoped_acquire gil;
    if (raised_) {
      return true;
    }
    try {
      if (PyErr_CheckSignals() != 0) {
        throw py::error_already_set();
      }
      if (!progress_.is_none()) {
        progress_(done);
      }
    } catch (const py::error_already_set& error) {
      raised_ = error.value();
      return true;
    }
    return false;
  }

  // A core's watcher from callback(at, A); none without one.
  Watcher watcher(py::object callback) {
    if (callback.is_none()) {
      return {};
    }
    callback_ = std::move(callback); // copies of the closure must not count references
    return [this](double at, const Matrix<double>& A) {
      const py::gil_scoped_acquire gil;
      if (raised_) {
        return false;
      }
      try {
        callback_(at, A);
      } catch (const py::error_already_set& error) {
        raised_ = error.value();
        return false;
      }
      return true;
    };
  }

  [[nodiscard]] py::object raised() const {
    return raised_ ? *raised_ : py::object(py::none());
  }

private:
  py::object progress_;
  py::object callback_;
  std::optional<py::object> raised_;
};

} // namespace linflow::bindings
