// What is kept of a single run: errors, singular values and products at save points.
#pragma once

#include "linflow/dynamics.hpp"
#include "linflow/parallel.hpp"
#include "linflow/spectrum.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace linflow {

struct RecordOptions {
  Index save_every = 1; // steps between save points; first and last are always saved
  Index top = 0;        // singular values per save point
  bool save_product = false;  // keep A (column-major) at save points
  SpectrumOptions spectrum{}; // its `top` is the one above; a solution ignores the rest
  bool save_weights = false;  // keep the weights of a stepped network
  bool save_gram = false;     // keep C1 and C2 of a solution that has them
  Watcher watcher{};
};

template <class Scalar> struct Record {
  std::vector<double> step; // or the time, of a solution
  std::vector<double> train;
  std::vector<double> test;
  SpectrumRecord spectrum;
  std::vector<Scalar> product;     // d_out·d_in per save point
  std::vector<Scalar> weights;     // as the dynamics lays them out
  std::vector<Scalar> input_gram;  // C1, d_in² per save point
  std::vector<Scalar> output_gram; // C2, d_out² per save point
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
  SpectrumOptions wanted = options.spectrum;
  wanted.top = options.top;
  const bool look = wanted.asks();
  std::optional<SpectrumObserver<Scalar>> spectrum;
  if (look) {
    spectrum.emplace(d_out, d_in, std::move(wanted));
  }
  record.last_product.resize(d_out, d_in);
  return run(
      dynamics, rules, control, [&](Index step, const Errors& errors, bool ended) {
        if (step % options.save_every != 0 && !ended) {
          return;
        }
        record.step.push_back(static_cast<double>(step));
        record.train.push_back(errors.train);
        record.test.push_back(errors.test);
        if (look || options.save_product || options.watcher || ended) {
          dynamics.product(record.last_product);
        }
        if (look) {
          spectrum->look(record.last_product, record.spectrum);
        }
        if (options.save_product) {
          const auto* data = record.last_product.data();
          record.product.insert(
              record.product.end(), data, data + record.last_product.size());
        }
        if constexpr (requires { dynamics.append_weights(record.weights); }) {
          if (options.save_weights) {
            dynamics.append_weights(record.weights);
          }
        }
        if (options.watcher &&
            !options.watcher(static_cast<double>(step),
                             record.last_product.template cast<double>())) {
          control.cancel();
        }
      });
}

// Records a solution at the given times, in parallel over them, or with a watcher one
// after the other. Returns false when cancelled; the record then holds the times up to
// the first that is missing.
template <class Scalar>
bool record_times(const Solution<Scalar>& solution,
                  const Objective<Scalar>& objective,
                  std::span<const double> times,
                  const RecordOptions& options,
                  int n_threads,
                  const Progress& progress,
                  Record<Scalar>& record) {
  const auto count = times.size();
  const auto size = static_cast<std::size_t>(objective.target().size());
  const auto top = static_cast<std::size_t>(options.top);
  std::vector<char> done(count, 0);
  record.step.assign(times.begin(), times.end());
  record.train.resize(count);
  record.test.resize(count);
  record.spectrum.singular_values.resize(count * top);
  record.spectrum.converged.assign(count, 1.0); // each from all values
  record.product.resize(options.save_product ? count * size : 0);
  record.last_product.resize(objective.d_out(), objective.d_in());
  const auto size1 = static_cast<std::size_t>(objective.d_in() * objective.d_in());
  const auto size2 = static_cast<std::size_t>(objective.d_out() * objective.d_out());
  record.input_gram.resize(options.save_gram ? count * size1 : 0);
  record.output_gram.resize(options.save_gram ? count * size2 : 0);

  struct Buffers {
    std::unique_ptr<typename Solution<Scalar>::Evaluator> evaluator;
    Spectrum<Scalar> spectrum;
    Vector<double> values;
    Matrix<Scalar> coordinates;
    Matrix<Scalar> residual;
    Matrix<Scalar> product;
    Matrix<Scalar> input_gram;
    Matrix<Scalar> output_gram;
  };
  const Objective<Scalar> turned = solution.coordinates(objective);
  const bool complete = parallel_for(
      static_cast<Index>(count),
      options.watcher ? 1 : n_threads,
      progress,
      [&]() -> Job {
        auto own = std::make_shared<Buffers>(
            Buffers{solution.evaluator(),
                    Spectrum<Scalar>(objective.d_out(), objective.d_in()),
                    Vector<double>(options.top),
                    Matrix<Scalar>(objective.d_out(), objective.d_in()),
                    Matrix<Scalar>(objective.d_out(), objective.d_in()),
                    Matrix<Scalar>(objective.d_out(), objective.d_in()),
                    {},
                    {}});
        return [&, own](Index index, Control& control) {
          if (control(index)) {
            return false;
          }
          const auto k = static_cast<std::size_t>(index);
          if (options.save_gram) {
            own->evaluator->grams(
                times[k], own->coordinates, own->input_gram, own->output_gram);
            std::copy_n(own->input_gram.data(), size1, &record.input_gram[k * size1]);
            std::copy_n(own->output_gram.data(), size2, &record.output_gram[k * size2]);
          } else {
            own->evaluator->coordinates(times[k], own->coordinates);
          }
          own->residual = own->coordinates - turned.target();
          const Errors errors = turned.errors(own->residual);
          record.train[k] = errors.train;
          record.test[k] = errors.test;
          if (top > 0) {
            own->spectrum.singular_values(own->coordinates, own->values);
            std::copy_n(
                own->values.data(), top, &record.spectrum.singular_values[k * top]);
          }
          if (options.save_product || options.watcher || k + 1 == count) {
            solution.product(own->coordinates, own->product);
          }
          if (options.save_product) {
            std::copy_n(own->product.data(), size, &record.product[k * size]);
          }
          if (k + 1 == count) {
            record.last_product = own->product;
          }
          done[k] = 1;
          if (options.watcher &&
              !options.watcher(static_cast<double>(k),
                               own->product.template cast<double>())) {
            control.cancel();
          }
          return true;
        };
      });
  if (!complete) {
    const auto whole =
        static_cast<std::size_t>(std::find(done.begin(), done.end(), 0) - done.begin());
    record.step.resize(whole);
    record.train.resize(whole);
    record.test.resize(whole);
    record.spectrum.singular_values.resize(whole * top);
    record.spectrum.converged.resize(whole);
    record.product.resize(options.save_product ? whole * size : 0);
    record.input_gram.resize(options.save_gram ? whole * size1 : 0);
    record.output_gram.resize(options.save_gram ? whole * size2 : 0);
    record.last_product.setConstant(std::numeric_limits<Scalar>::quiet_NaN());
    if (whole > 0) {
      Matrix<Scalar> coordinates(objective.d_out(), objective.d_in());
      solution.evaluator()->coordinates(times[whole - 1], coordinates);
      solution.product(coordinates, record.last_product);
    }
  }
  return complete;
}

} // namespace linflow
