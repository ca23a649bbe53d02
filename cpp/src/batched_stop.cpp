#include "linflow/batched_stop.hpp"

#include <cstring>

namespace linflow {

template <class Scalar> void BatchedStop<Scalar>::begin(int lane, bool has_truth) {
  Part& here = part(lane);
  here.step[at(lane)] = -1.0;
  here.train[at(lane)] = kNaN;
  here.test[at(lane)] = kNaN;
  here.best_test[at(lane)] = kNaN;
  here.best_step[at(lane)] = kNaN;
  here.is_best[at(lane)] = 0;
  here.running[at(lane)] = -1;
  here.blind[at(lane)] = has_truth ? 0 : -1;
}

template <class Scalar> void BatchedStop<Scalar>::end(int lane) {
  part(lane).running[at(lane)] = 0;
  part(lane).is_best[at(lane)] = 0;
}

template <class Scalar>
void BatchedStop<Scalar>::look(const Wide<Scalar>& train, const Wide<Scalar>& test) {
  std::array<WideOfDoubles, kParts> trains;
  std::array<WideOfDoubles, kParts> tests;
  std::memcpy(&trains, &train, sizeof(train));
  std::memcpy(&tests, &test, sizeof(test));
  any_ended_ = false;
  any_was_best_ = false;
  for (std::size_t i = 0; i < kParts; ++i) {
    Part& here = parts_[i];
    here.look(rules_, trains[i], tests[i]);
    any_ended_ = any(here.ended) || any_ended_;
    any_was_best_ = any(here.was_best) || any_was_best_;
  }
}

template <class Scalar>
void BatchedStop<Scalar>::Part::look(const StopRules& rules,
                                     const WideOfDoubles& new_train,
                                     const WideOfDoubles& new_test) {
  step += 1.0;
  rising = new_test > test ? rising + 1.0 : WideOfDoubles{};
  train_before = train;
  train = new_train;
  test = new_test;
  first_train = step == 0.0 ? train : first_train;
  ended = running &
          RulesMet<WideOfDoubles>(rules, step, train, train_before, first_train, rising)
              .any();
  // The least of those that are finite, the first of equal ones.
  const MaskOfDoubles finite = test - test == 0.0;
  const MaskOfDoubles better =
      running & ((finite & ~(test >= best_test)) | (blind & ended));
  best_test = better ? test : best_test;
  best_step = better ? step : best_step;
  was_best = is_best & ~better;
  is_best = better;
}

template <class Scalar> Status BatchedStop<Scalar>::status(int lane) const {
  const Part& here = part(lane);
  return first_of({rules_,
                   here.step[at(lane)],
                   here.train[at(lane)],
                   here.train_before[at(lane)],
                   here.first_train[at(lane)],
                   here.rising[at(lane)]});
}

template class BatchedStop<double>;
template class BatchedStop<float>;

} // namespace linflow
