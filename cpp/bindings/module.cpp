// Table of contents of the compiled core: one submodule per noun.
#include "bindings.hpp"

PYBIND11_MODULE(LINFLOW_MODULE, module) {
  using namespace linflow::bindings;
  module.doc() = "The compiled core of linflow; see the package of the same name.";
  bind_build(module);
  bind_products(module);
  bind_random(module);
  bind_network(module);
  bind_stop(module);
  bind_spectrum(module);
  bind_descent(module);
  bind_layer_descent(module);
  bind_cost(module);
  bind_levels(module);
  bind_nodes(module);
  bind_phi_functions(module);
  bind_flow(module);
  bind_self_consistent(module);
  bind_lazy(module);
  bind_riccati(module);
  bind_closed_form(module);
  bind_modes(module);
  bind_ensemble(module);
}
