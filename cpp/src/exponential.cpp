#include "linflow/exponential.hpp"

#include <algorithm>
#include <cmath>

namespace linflow {
// Near 0 from the series of φ3 upwards, beyond from the exponential downwards. Columns
// are taken whole, in vectors; what lies apart is done again one by one.
template <class Scalar> void PhiFunctions<Scalar>::compute(const Column& z) {
  constexpr Scalar near = -2;
  constexpr Scalar far = -1; // three digits, in the differences
  constexpr int terms = 18;
  if (z.maxCoeff() <= far) {
    inverse_ = z.inverse();
    phi0 = z.exp();
    phi1 = (phi0 - Scalar(1)) * inverse_;
    phi2 = (phi1 - Scalar(1)) * inverse_;
    phi3 = (phi2 - Scalar(0.5)) * inverse_;
    return;
  }
  clipped_ = z.max(near);
  phi3 = Column::Constant(z.size(), Scalar(1));
  for (int n = terms; n > 0; --n) {
    phi3 = Scalar(1) + (Scalar(1) / Scalar(n + 3)) * (phi3 * clipped_);
  }
  phi3 /= Scalar(6);
  phi2 = clipped_ * phi3 + Scalar(0.5);
  phi1 = clipped_ * phi2 + Scalar(1);
  phi0 = clipped_ * phi1 + Scalar(1);
  for (Index i = 0; i < z.size(); ++i) {
    if (z[i] < near) {
      phi0[i] = std::exp(z[i]);
      phi1[i] = (phi0[i] - Scalar(1)) / z[i];
      phi2[i] = (phi1[i] - Scalar(1)) / z[i];
      phi3[i] = (phi2[i] - Scalar(0.5)) / z[i];
    }
  }
}

template <class Scalar>
ExponentialMethod<Scalar>::ExponentialMethod(const GramFlow<Scalar>& flow)
    : flow_(flow) {}

template <class Scalar>
void ExponentialMethod<Scalar>::prepare(const Step<Scalar>& step, double size) {
  const auto [A, C1, C2] = flow_.blocks(step.y);
  const auto F = flow_.blocks(step.slopes.col(0)).A;
  const auto& T = flow_.target();
  const auto h = static_cast<Scalar>(size);
  for (auto* M :
       {&rate_, &G_, &N_, &half_decay_, &half_weight_, &first_, &middle_, &last_}) {
    M->resize(A.rows(), A.cols());
  }
  for (Index j = 0; j < A.cols(); ++j) {
    rate_.col(j).array() = (C2.diagonal().array() + C1(j, j)).max(Scalar(0));
    G_.col(j) = A.col(j) - T.col(j);
    N_.col(j) = F.col(j) + rate_.col(j).cwiseProduct(G_.col(j));
    z_ = -h / 2 * rate_.col(j).array();
    phi_.compute(z_);
    const auto& phi0 = phi_.phi0;
    const auto& phi1 = phi_.phi1;
    const auto& phi2 = phi_.phi2;
    const auto& phi3 = phi_.phi3;
    half_decay_.col(j) = phi0;
    half_weight_.col(j) = h / 2 * phi1;
    // At twice the argument.
    const auto one = phi1 * (phi0 + 1) / 2;
    const auto two = (phi1.square() + 2 * phi2) / 4;
    const auto three = (phi1 * phi2 + phi2 + 2 * phi3) / 8;
    first_.col(j) = h * (one - 3 * two + 4 * three);
    middle_.col(j) = h * (2 * two - 4 * three);
    last_.col(j) = h * (4 * three - two);
  }
}

template <class Scalar>
void ExponentialMethod<Scalar>::slope(System<Scalar>& system,
                                      Step<Scalar>& step,
                                      Index column) {
  auto out = step.slopes.col(column);
  system.slope(step.stage, out);
  ++step.evaluations;
  const auto A = flow_.blocks(step.stage).A;
  auto N = flow_.mutable_blocks(out).A;
  N += rate_.cwiseProduct(A - flow_.target());
}

template <class Scalar>
double ExponentialMethod<Scalar>::attempt(System<Scalar>& system,
                                          Step<Scalar>& step,
                                          double size) {
  prepare(step, size);
  nodes_.clear();
  const auto h = static_cast<Scalar>(size);
  const Index shown = flow_.visible();
  const Index rest = flow_.size() - shown;
  const auto& T = flow_.target();
  auto& k = step.slopes;
  const auto N = [&](Index column) { return flow_.blocks(k.col(column)).A; };
  const auto C = step.y.tail(rest);
  const auto K = [&](Index column) { return k.col(column).tail(rest); };
  step.h = size;
  step.end_slope = 4;

  auto stage = flow_.mutable_blocks(step.stage).A;
  stage = T + half_decay_.cwiseProduct(G_) + half_weight_.cwiseProduct(N_);
  step.stage.tail(rest) = C + h / 2 * K(0);
  slope(system, step, 1);

  stage = T + half_decay_.cwiseProduct(G_) + half_weight_.cwiseProduct(N(1));
  step.stage.tail(rest) = C + h / 2 * K(1);
  slope(system, step, 2);

  // From the first stage, whose G is half_decay_∘G_ + half_weight_∘N_.
  stage = T +
          half_decay_.cwiseProduct(half_decay_.cwiseProduct(G_) +
                                   half_weight_.cwiseProduct(N_)) +
          half_weight_.cwiseProduct(Scalar(2) * N(2) - N_);
  step.stage.tail(rest) = C + h * K(2);
  slope(system, step, 3);

  auto next = flow_.mutable_blocks(step.next).A;
  next = T + half_decay_.cwiseProduct(half_decay_.cwiseProduct(G_)) +
         first_.cwiseProduct(N_) + middle_.cwiseProduct(N(1) + N(2)) +
         last_.cwiseProduct(N(3));
  step.next.tail(rest) = C + h / 6 * (K(0) + Scalar(2) * (K(1) + K(2)) + K(3));
  system.slope(step.next, k.col(4));
  ++step.evaluations;

  // The last stage and the end are both at t + h: N there, for the former's weight.
  stage = last_.cwiseProduct(N(3) - N(4) - rate_.cwiseProduct(next - T));
  return std::hypot(static_cast<double>(stage.norm()),
                    size / 6.0 * static_cast<double>((K(3) - K(4)).norm()));
}

template <class Scalar>
void ExponentialMethod<Scalar>::interpolate_one(const Step<Scalar>& step,
                                                Scalar theta,
                                                Eigen::Ref<Vector<Scalar>> y) {
  const Index shown = flow_.visible();
  const Index rest = y.size() - shown;
  const Index rows = flow_.d_out();
  const auto& k = step.slopes;
  const auto h = static_cast<Scalar>(step.h);
  const Scalar one = theta;
  const Scalar two = theta * theta;
  const Scalar three = two * theta;
  for (Index j = 0; j < flow_.d_in(); ++j) {
    const auto N = [&](Index column) {
      return k.col(column).segment(j * rows, rows).array();
    };
    z_ = -theta * h * rate_.col(j).array();
    phi_.compute(z_);
    const auto& phi1 = phi_.phi1;
    const auto& phi2 = phi_.phi2;
    const auto& phi3 = phi_.phi3;
    auto A = y.segment(j * rows, rows);
    A = flow_.target().col(j).array() + phi_.phi0 * G_.col(j).array() +
        h * ((one * phi1 - 3 * two * phi2 + 4 * three * phi3) * N_.col(j).array() +
             (2 * two * phi2 - 4 * three * phi3) * (N(1) + N(2)) +
             (4 * three * phi3 - two * phi2) * N(3));
  }
  if (rest > 0) {
    const auto K = [&](Index column) { return k.col(column).segment(shown, rest); };
    y.tail(rest) = step.y.segment(shown, rest) +
                   h * ((one - two * Scalar(1.5) + three * Scalar(2) / 3) * K(0) +
                        (two - three * Scalar(2) / 3) * (K(1) + K(2)) +
                        (three * Scalar(2) / 3 - two / 2) * K(3));
  }
}

template <class Scalar>
void ExponentialMethod<Scalar>::expect(const Step<Scalar>& step,
                                       std::span<const double> thetas,
                                       double tolerance) {
  nodes_.clear();
  if (thetas.size() < 24) {
    return;
  }
  const Index shown = flow_.visible();
  nodes_.reserve(shown);
  const auto look = [&](double theta, Eigen::Ref<Vector<Scalar>> A) {
    interpolate_one(step, static_cast<Scalar>(theta), A);
    return true;
  };
  nodes_.value(0) = step.y.head(shown);
  nodes_.value(1) = step.next.head(shown);
  nodes_.make(thetas.size(), tolerance, look);
}

template <class Scalar>
void ExponentialMethod<Scalar>::interpolate(const Step<Scalar>& step,
                                            std::span<const double> thetas,
                                            Eigen::Ref<Matrix<Scalar>> out) {
  if (nodes_.ready() && out.rows() == flow_.visible()) {
    nodes_.evaluate(thetas, out);
    return;
  }
  for (std::size_t i = 0; i < thetas.size(); ++i) {
    interpolate_one(
        step, static_cast<Scalar>(thetas[i]), out.col(static_cast<Index>(i)));
  }
}

template struct PhiFunctions<double>;
template struct PhiFunctions<float>;
template class ExponentialMethod<double>;
template class ExponentialMethod<float>;

} // namespace linflow
