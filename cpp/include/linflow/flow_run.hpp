// A run of a flow: save points, events, and why it ended.
#pragma once

#include "linflow/events.hpp"
#include "linflow/run.hpp"
#include "linflow/spectrum.hpp"

#include <memory>
#include <string>
#include <vector>

namespace linflow {

struct FlowOptions {
  IntegratorOptions integrator;
  double atol = kNaN; // NaN: rtol times the reference size of the start
  std::vector<EventRule> events;
  std::vector<double> times;  // save points, ascending; the run ends at the last
  SpectrumOptions spectrum{}; // what to record of it at save points
  bool save_product = false;
  bool save_weights = false;
  bool land = false; // steps end at save points instead of being interpolated there
  Watcher watcher{};
};

template <class Scalar> struct FlowRecord {
  std::vector<double> times;
  std::vector<double> train;
  std::vector<double> test;
  SpectrumRecord spectrum;
  std::vector<Scalar> product; // d_out·d_in per save point, column-major
  std::vector<Scalar> weights; // the state at save points
  Matrix<Scalar> last_product;
  Vector<Scalar> last_state;
  Status status = Status::pending;
  std::vector<Event> events;    // in the order of their times
  double time = 0.0;            // reached
  double atol = 0.0;            // used
  std::string form = "factors"; // of the state: factors, gram
  Index evaluations = 0;
  std::vector<Segment> segments;
};

// Integrates from `start` through all save points. Control is told the percentage of
// the span done. A cancelled run has status pending; a UserError ends it with status
// user_error at the last state that was reached; a terminal event is a last save point.
template <class Scalar>
void run_flow(Flow<Scalar>& flow,
              const VectorIn<Scalar>& start,
              const FlowOptions& options,
              std::unique_ptr<Method<Scalar>> special,
              Control& control,
              FlowRecord<Scalar>& record);

} // namespace linflow
