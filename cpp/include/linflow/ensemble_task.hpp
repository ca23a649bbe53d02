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
  // A basis, and the objective in its coordinates.
  struct Modes {
    std::shared_ptr<const SingularVectors<Scalar>> basis;
    Objective<Scalar> objective;
  };

  explicit EnsembleTask(Objective<Scalar> objective)
      : shared_(std::make_shared<Shared>(std::move(objective))) {}

  [[nodiscard]] const Objective<Scalar>& objective() const {
    return shared_->objective;
  }
  // The target's singular vectors.
  [[nodiscard]] const Modes& modes() const {
    std::call_once(shared_->once, [this] {
      shared_->modes.emplace(in(riccati_basis<Scalar>(objective().target())));
    });
    return *shared_->modes;
  }
  // Its leading ones, in a basis of few reflections.
  [[nodiscard]] const Modes& leading() const {
    std::call_once(shared_->leading_once, [this] {
      shared_->leading.emplace(in(leading_basis<Scalar>(modes().basis)));
    });
    return *shared_->leading;
  }

private:
  [[nodiscard]] Modes in(std::shared_ptr<const SingularVectors<Scalar>> basis) const {
    auto turned = in_frames(objective(), basis->U, basis->V);
    return {std::move(basis), std::move(turned)};
  }

  struct Shared {
    explicit Shared(Objective<Scalar> given) : objective(std::move(given)) {}
    Objective<Scalar> objective;
    std::once_flag once, leading_once;
    std::optional<Modes> modes, leading;
  };
  std::shared_ptr<Shared> shared_;
};

} // namespace linflow
