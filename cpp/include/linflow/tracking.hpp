// Singular modes as continuous curves: who is who from one save point to the next.
//
// New triplets are matched to the followed ones by the assignment that maximises the
// sum of |u_pᵀu_j v_pᵀv_j| (Kuhn's method, O(k³)), so that a mode keeps its identity
// through a crossing of values; its sign is the continuous one. Where values lie within
// a relative 1e-3 of each other and the match is not clear (an overlap below 0.9) the
// vectors of the cluster mean nothing by themselves: the basis of its subspace nearest
// to the followed vectors is taken (orthogonal Procrustes, one rotation for both sides)
// and the cluster is reported.
#pragma once

#include "linflow/products.hpp"
#include "linflow/triplets.hpp"

namespace linflow {

class ModeTracker {
public:
  ModeTracker(Index rows, Index cols, Index top);

  // New triplets, values descending. The first call names the modes by size.
  void update(const VectorIn<double>& values,
              const ConstBlock<double>& U,
              const ConstBlock<double>& V);

  // By mode: values, vectors with continuous signs, |u uᵖ||v vᵖ| to the save point
  // before (1 at the first), and the number of the cluster it is in (0: none).
  [[nodiscard]] const Vector<double>& values() const { return values_; }
  [[nodiscard]] const Matrix<double>& U() const { return U_; }
  [[nodiscard]] const Matrix<double>& V() const { return V_; }
  [[nodiscard]] const Vector<double>& overlap() const { return overlap_; }
  [[nodiscard]] const Vector<double>& cluster() const { return cluster_; }

private:
  void match();
  void rotate_cluster(const VectorIn<double>& values, Index first, Index last);

  bool started_ = false;
  std::vector<Index> of_mode_; // new index of each mode
  std::vector<Index> of_new_;  // and back
  Vector<double> values_;
  Vector<double> overlap_;
  Vector<double> cluster_;
  Matrix<double> U_;
  Matrix<double> V_;
  Matrix<double> next_U_;
  Matrix<double> next_V_;
  Matrix<double> left_; // overlaps followed × new
  Matrix<double> right_;
  Matrix<double> cost_;
};

} // namespace linflow
