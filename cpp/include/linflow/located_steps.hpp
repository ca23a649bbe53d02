// A solution looked at on the virtual steps t = η·step without a look at every step.
//
// The errors of a flow are smooth, so that their logarithms are taken at the Chebyshev
// nodes of an interval that holds many virtual steps and interpolated between them; the
// interval is refined, or halved, until the last coefficients are small against both a
// tolerance and what the errors change there. Where a run ends and where its test error
// is least is then found on the interpolant, and confirmed: the steps about both are
// looked at themselves, and the run is gone through again, until it ends at steps whose
// errors are all true. So the stop rules hold for true errors; which step they end at,
// or which is the best, can only differ from a scan of all steps where the errors of
// neighbours differ by less than the tolerance.
#pragma once

#include "linflow/dynamics.hpp"

#include <map>
#include <memory>
#include <vector>

namespace linflow {

template <class Scalar> class LocatedSteps final : public Dynamics<Scalar> {
public:
  // `turned` is the objective in the coordinates of the solution; both must outlive
  // this. No step beyond `most_steps` is asked for.
  LocatedSteps(const Solution<Scalar>& solution,
               const Objective<Scalar>& turned,
               double step_size,
               Index most_steps);

  Errors measure() override;
  void advance() override { ++step_; }
  void product(Matrix<Scalar>& out) const override;
  [[nodiscard]] bool remembers() const override { return true; }
  void remember() override { best_ = step_; }
  bool remembered(Matrix<Scalar>& out) override;
  bool confirm(Index best, Index last) override;

private:
  // Logarithms of the errors at Chebyshev nodes; none where every step is looked at.
  struct Interval {
    double begin;
    double end;
    std::vector<Errors> logs;
  };

  Errors look(double step);
  Errors look_log(double step);
  [[nodiscard]] double smooth_length(double begin) const; // in steps
  void add_interval();
  void refine(Interval& interval);
  [[nodiscard]] double misfit(const std::vector<Errors>& logs) const;
  void scan(double begin);

  const Solution<Scalar>* solution_;
  const Objective<Scalar>* objective_;
  std::unique_ptr<typename Solution<Scalar>::Evaluator> evaluator_;
  double step_size_;
  double last_step_;
  double length_; // of the next interval, in steps
  Index step_ = 0;
  Index best_ = 0;
  int passes_ = 0;  // of a run, so far
  Index kept_ = -1; // step whose coordinates best_coordinates_ are
  std::size_t here_ = 0;
  std::vector<Interval> intervals_;
  std::map<Index, Errors> exact_; // steps that were looked at
  Matrix<Scalar> coordinates_;
  Matrix<Scalar> best_coordinates_;
  Matrix<Scalar> residual_;
};

} // namespace linflow
