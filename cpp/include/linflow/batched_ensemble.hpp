// Cells of small networks, several at once in the lanes of a batch.
//
// Whenever a cell ends its lane takes the next one, so that cells of unequal lengths
// keep all lanes busy.
#pragma once

#include "linflow/batched_descent.hpp"
#include "linflow/ensemble.hpp"

#include <functional>
#include <memory>

namespace linflow {

// What goes along with the run of one cell and is compared with it at every step.
template <class Scalar> class Companion {
public:
  Companion() = default;
  Companion(const Companion&) = delete;
  Companion& operator=(const Companion&) = delete;
  virtual ~Companion() = default;

  virtual void begin(const EnsembleTask<Scalar>& task,
                     const Cell& cell,
                     const Matrix<Scalar>& X,
                     const Matrix<Scalar>& Y) = 0;
  // To be called once per step, from 0 on: ‖A − A'‖_F²/(d_out d_in) there.
  virtual double distance(Index step, const Matrix<Scalar>& A) = 0;
};

template <class Scalar>
using MakeCompanion = std::function<std::unique_ptr<Companion<Scalar>>()>;

// Whether cells of this shape that follow this dynamics are run in lanes.
bool runs_in_lanes(DynamicsKind kind, Index d_out, Index d_in);

// As run_ensemble, for what runs in lanes. A companion is made for each lane when
// `make_companion` is given.
template <class Scalar>
bool run_batched_ensemble(std::span<const EnsembleTask<Scalar>> tasks,
                          std::span<const Cell> cells,
                          std::span<const Index> order,
                          const EnsembleOptions& options,
                          Index units,
                          const MakeCompanion<Scalar>& make_companion,
                          std::span<CellResult> results,
                          const Progress& progress);

} // namespace linflow
