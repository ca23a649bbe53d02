// A task that many cells learn, with what solved dynamics need of it: made by the first
// one that asks, shared by all copies of it, whichever thread or call has them.
#pragma once

#include "linflow/dynamics.hpp"
#include "linflow/riccati.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace linflow {

template <class Scalar> class EnsembleTask {
public:
  // The target's singular vectors, and the objective in their coordinates.
  struct Modes {
    std::shared_ptr<const SingularVectors<Scalar>> basis;
    Objective<Scalar> objective;
  };

  explicit EnsembleTask(Objective<Scalar> objective)
      : shared_(std::make_shared<Shared>(std::move(objective))) {}

  [[nodiscard]] const Objective<Scalar>& objective() const {
    return shared_->objective;
  }
  [[nodiscard]] const Modes& modes() const {
    std::call_once(shared_->once, [this] {
      auto basis = riccati_basis<Scalar>(objective().target());
      auto turned = in_frames(objective(), basis->U, basis->V);
      shared_->modes.emplace(Modes{std::move(basis), std::move(turned)});
    });
    return *shared_->modes;
  }

private:
  struct Shared {
    explicit Shared(Objective<Scalar> given) : objective(std::move(given)) {}
    Objective<Scalar> objective;
    std::once_flag once;
    std::optional<Modes> modes;
  };
  std::shared_ptr<Shared> shared_;
};

} // namespace linflow
