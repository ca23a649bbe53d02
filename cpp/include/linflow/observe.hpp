// What is kept of a single run: errors, singular values and products at save points.
#pragma once

#include "linflow/run.hpp"
#include "linflow/spectrum.hpp"

#include <vector>

namespace linflow {

struct RecordOptions {
  Index save_every = 1; // steps between save points; first and last are always saved
  Index top = 0;        // singular values per save point
  bool save_product = false; // keep A (column-major) at save points
};

template <class Scalar> struct Record {
  std::vector<double> step;
  std::vector<double> train;
  std::vector<double> test;
  std::vector<double> singular_values; // top per save point
  std::vector<Scalar> product;         // d_out·d_in per save point
  Matrix<Scalar> last_product;
};

// Runs a dynamics and records it. A save point allocates (the vectors grow); the steps
// between do not.
template <class Scalar, class Dynamics>
RunResult run_recorded(Dynamics& dynamics,
                       Index d_out,
                       Index d_in,
                       const StopRules& rules,
                       const RecordOptions& options,
                       Control& control,
                       Record<Scalar>& record) {
  Spectrum<Scalar> spectrum(d_out, d_in);
  Vector<double> values(options.top);
  record.last_product.resize(d_out, d_in);
  return run(
      dynamics, rules, control, [&](Index step, const Errors& errors, bool ended) {
        if (step % options.save_every != 0 && !ended) {
          return;
        }
        record.step.push_back(static_cast<double>(step));
        record.train.push_back(errors.train);
        record.test.push_back(errors.test);
        if (options.top > 0 || options.save_product || ended) {
          dynamics.product(record.last_product);
        }
        if (options.top > 0) {
          spectrum.singular_values(record.last_product, values);
          record.singular_values.insert(record.singular_values.end(),
                                        values.data(),
                                        values.data() + values.size());
        }
        if (options.save_product) {
          const auto* data = record.last_product.data();
          record.product.insert(
              record.product.end(), data, data + record.last_product.size());
        }
      });
}

} // namespace linflow
