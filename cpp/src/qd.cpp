#include "linflow/qd.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace linflow {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kRelative = 1e-28; // (1e-14)²: e and q are squares
// What bidiagonalisation itself perturbs is larger than ε s_1/8.
constexpr double kAbsolute = (kEps / 8) * (kEps / 8);
constexpr double kFloor = 1e-60; // keeps q from being zero: 0/0 in a transform

} // namespace

BidiagonalValues::BidiagonalValues(Index n)
    : q_(static_cast<std::size_t>(n)), e_(static_cast<std::size_t>(n)),
      next_q_(static_cast<std::size_t>(n)), next_e_(static_cast<std::size_t>(n)) {
  pieces_.reserve(static_cast<std::size_t>(n) + 1);
}

// One dqds transform of rows first..last into next_: L'U' = UL − shift. Positive as
// long as the shift is below the smallest eigenvalue.
BidiagonalValues::Sweep
BidiagonalValues::transform(Index first, Index last, double shift, double negligible) {
  const double* q = q_.data();
  const double* e = e_.data();
  double* next_q = next_q_.data();
  double* next_e = next_e_.data();
  Sweep sweep;
  double d = q[first] - shift;
  double smallest = std::numeric_limits<double>::infinity();
  Index split = -1;
  for (Index i = first; i < last - 2; ++i) {
    next_q[i] = d + e[i];
    const double ratio = q[i + 1] / next_q[i];
    smallest = d < smallest ? d : smallest;
    next_e[i] = e[i] * ratio;
    split = next_e[i] <= negligible ? i : split;
    d = d * ratio - shift;
  }
  sweep.min2 = std::min(smallest, d);
  sweep.d2 = d;
  for (Index i = std::max(first, last - 2); i < last; ++i) {
    if (i == last - 1) {
      sweep.min1 = std::min(smallest, d);
      sweep.d1 = d;
    }
    next_q[i] = d + e[i];
    const double ratio = q[i + 1] / next_q[i];
    smallest = std::min(smallest, d);
    next_e[i] = e[i] * ratio;
    split = next_e[i] <= negligible ? i : split;
    d = d * ratio - shift;
  }
  next_q[last] = d;
  sweep.d = d;
  sweep.min = std::min(smallest, d);
  sweep.split = split;
  if (std::isnan(d)) {
    sweep.min = kNaN;
  }
  return sweep;
}

// A lower estimate of the smallest eigenvalue. When the smallest d is the last, the
// matrix is nearly decoupled there: a Rayleigh quotient less its residual.
double
BidiagonalValues::choose_shift(Index first, Index last, const Sweep& sweep) const {
  if (sweep.min <= 0.0) {
    return 0.0;
  }
  if (sweep.min != sweep.d) {
    return 0.25 * sweep.min;
  }
  const auto at = [](const std::vector<double>& v, Index i) {
    return v[static_cast<std::size_t>(i)];
  };
  if (last - 2 >= first && sweep.min1 == sweep.d1) {
    const double b1 = std::sqrt(at(q_, last) * at(e_, last - 1));
    const double b2 = std::sqrt(at(q_, last - 1) * at(e_, last - 2));
    const double a = at(q_, last - 1) + at(e_, last - 1);
    const double gap2 = 0.75 * sweep.min2 - a;
    const double gap1 =
        a - sweep.d - (gap2 > 0.0 && gap2 > b2 ? b2 / gap2 * b2 : b1 + b2);
    if (gap1 > 0.0 && gap1 > b1) {
      return std::max(sweep.d - b1 / gap1 * b1, 0.5 * sweep.min);
    }
    double shift = sweep.d > b1 ? sweep.d - b1 : 0.0;
    if (a > b1 + b2) {
      shift = std::min(shift, a - (b1 + b2));
    }
    return std::max(shift, sweep.min / 3);
  }
  // The squared norm of what the eigenvector has above its last entry.
  double norm = 0.0;
  double term = 1.0;
  for (Index i = last - 1; i >= first; --i) {
    if (at(e_, i) > at(q_, i)) {
      return 0.25 * sweep.min;
    }
    const double previous = term;
    term *= at(e_, i) / at(q_, i);
    norm += term;
    if (100.0 * std::max(term, previous) < norm || norm > 0.563) {
      break;
    }
  }
  norm *= 1.05;
  return norm < 0.563 ? sweep.d * (1.0 - std::sqrt(norm)) / (1.0 + norm)
                      : 0.25 * sweep.min;
}

// The transforms find the smallest values first, at the end; a matrix graded the other
// way is turned round, which keeps its values.
void BidiagonalValues::reverse(Index first, Index last) {
  std::reverse(q_.begin() + first, q_.begin() + last + 1);
  std::reverse(e_.begin() + first, e_.begin() + last);
}

void BidiagonalValues::compute(std::span<const double> diagonal,
                               std::span<const double> superdiagonal,
                               VectorOut<double> values) {
  const auto n = static_cast<Index>(diagonal.size());
  if (diagonal.size() > q_.size() || values.size() != n ||
      (n > 0 && superdiagonal.size() + 1 < diagonal.size())) {
    throw std::invalid_argument("qd: the matrix does not fit the workspace");
  }
  double largest = 0.0;
  for (std::size_t i = 0; i < diagonal.size(); ++i) {
    largest = std::max(largest, std::abs(diagonal[i]));
    if (i + 1 < diagonal.size()) {
      largest = std::max(largest, std::abs(superdiagonal[i]));
    }
  }
  if (largest == 0.0) {
    values.setZero();
    return;
  }
  for (std::size_t i = 0; i < diagonal.size(); ++i) {
    const double a = diagonal[i] / largest;
    q_[i] = std::max(a * a, kFloor);
    const double b = i + 1 < diagonal.size() ? superdiagonal[i] / largest : 0.0;
    e_[i] = b * b;
  }
  const auto at = [](std::vector<double>& v, Index i) -> double& {
    return v[static_cast<std::size_t>(i)];
  };

  Index last = n - 1;
  pieces_.assign(1, Piece{});
  for (Index i = 0; i < last; ++i) { // neglect at once what may be neglected
    if (at(e_, i) <= kAbsolute) {
      pieces_.push_back({i + 1, 0.0});
    }
  }
  Index transforms = 0;
  while (last >= 0) {
    const Index first = pieces_.back().first;
    double total = pieces_.back().shift; // subtracted so far …
    double lost = 0.0;                   // … and what rounding lost of it
    bool known = false;                  // whether `sweep` describes the present matrix
    Sweep sweep;
    if (last > first && at(q_, last) > 1.5 * at(q_, first)) {
      reverse(first, last);
    }
    Index split = -1;
    while (last >= first && split < 0) {
      const double negligible = std::max(kAbsolute, kRelative * (total + at(q_, last)));
      if (last == first || at(e_, last - 1) <= negligible) {
        values[last] = total + at(q_, last);
        --last;
        sweep = {sweep.d1, sweep.d2, sweep.d2, sweep.min1, sweep.min2, sweep.min2};
        if (last > first && at(q_, last) > 1.5 * at(q_, first)) {
          reverse(first, last);
          known = false;
        }
        continue;
      }
      double shift = known ? choose_shift(first, last, sweep) : 0.0;
      const double interior = std::max(kAbsolute, kRelative * total);
      for (int attempt = 0;; ++attempt) {
        if (++transforms > 400 * (n + 10)) {
          throw std::runtime_error("qd: the iteration did not converge");
        }
        sweep = transform(first, last, shift, interior);
        if (sweep.min >= 0.0 || shift == 0.0) {
          break;
        }
        // A failure only at the very end tells the eigenvalue to high accuracy.
        const bool late = sweep.min1 > 0.0 && sweep.d < 0.0;
        shift = late ? (shift + sweep.d) * (1.0 - 2.0 * kEps) : 0.25 * shift;
        if (!(shift > 0.0) || attempt > 4) {
          shift = 0.0;
        }
      }
      known = true;
      std::copy(
          next_q_.begin() + first, next_q_.begin() + last + 1, q_.begin() + first);
      std::copy(next_e_.begin() + first, next_e_.begin() + last, e_.begin() + first);
      at(q_, last) = std::max(at(q_, last), kFloor);
      const double term = shift - lost;
      const double sum = total + term;
      lost = (sum - total) - term;
      total = sum;
      split = sweep.split < last - 1 ? sweep.split : -1;
    }
    if (last < first) {
      pieces_.pop_back();
    } else { // the part above goes on later, from the shift that it has by now
      pieces_.back().shift = total;
      pieces_.push_back({split + 1, total});
    }
  }
  values = values.cwiseSqrt() * largest;
  std::sort(values.data(), values.data() + n, std::greater<>());
}

} // namespace linflow
