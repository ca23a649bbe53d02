// Stop rules and the best step of the runs in the lanes of a batch, all lanes at once:
// one lane after the other they took 4 % of the time of cells at d = 10.
#pragma once

#include "linflow/pack.hpp"
#include "linflow/stop.hpp"

#include <array>

namespace linflow {

template <class Scalar> class BatchedStop {
public:
  explicit BatchedStop(const StopRules& rules) : rules_(rules) {}

  // A run begins in a lane: the next look is at its step 0. Without a truth there is no
  // best step: the last one counts as it. No run is in a lane that was ended, or
  // before.
  void begin(int lane, bool has_truth);
  void end(int lane);

  // Looks at the errors of the next step of all runs.
  void look(const Wide<Scalar>& train, const Wide<Scalar>& test);

  // After a look: the runs that end there, those whose matrix is the best so far, and
  // those of which that was true at the look before, but is not now.
  [[nodiscard]] bool ended(int lane) const { return part(lane).ended[at(lane)] != 0; }
  [[nodiscard]] bool is_best(int lane) const {
    return part(lane).is_best[at(lane)] != 0;
  }
  [[nodiscard]] bool was_best(int lane) const {
    return part(lane).was_best[at(lane)] != 0;
  }
  [[nodiscard]] bool any_ended() const { return any_ended_; }
  [[nodiscard]] bool any_was_best() const { return any_was_best_; }

  // Of the run in a lane, up to the last look.
  [[nodiscard]] Status status(int lane) const;
  [[nodiscard]] Index step(int lane) const {
    return static_cast<Index>(part(lane).step[at(lane)]);
  }
  [[nodiscard]] double first_train(int lane) const {
    return part(lane).first_train[at(lane)];
  }
  [[nodiscard]] double train(int lane) const { return part(lane).train[at(lane)]; }
  [[nodiscard]] double best_test(int lane) const {
    return part(lane).best_test[at(lane)];
  }
  [[nodiscard]] double best_step(int lane) const {
    return part(lane).best_step[at(lane)];
  }

private:
  // One register of lanes.
  struct Part {
    WideOfDoubles step{};
    WideOfDoubles train{};
    WideOfDoubles train_before{};
    WideOfDoubles first_train{};
    WideOfDoubles test{};
    WideOfDoubles rising{};
    WideOfDoubles best_test{};
    WideOfDoubles best_step{};
    MaskOfDoubles running{};
    MaskOfDoubles blind{}; // without a truth
    MaskOfDoubles ended{};
    MaskOfDoubles is_best{};
    MaskOfDoubles was_best{};

    void look(const StopRules& rules,
              const WideOfDoubles& new_train,
              const WideOfDoubles& new_test);
  };
  static constexpr int kPart = Pack<double>::size;
  static constexpr int kParts = Pack<Scalar>::size / kPart;

  static int at(int lane) { return lane % kPart; }
  Part& part(int lane) { return parts_[static_cast<std::size_t>(lane / kPart)]; }
  [[nodiscard]] const Part& part(int lane) const {
    return parts_[static_cast<std::size_t>(lane / kPart)];
  }

  StopRules rules_;
  std::array<Part, kParts> parts_;
  bool any_ended_ = false;
  bool any_was_best_ = false;
};

} // namespace linflow
