// Explicit Runge-Kutta methods as frozen data; one engine (runge_kutta.hpp) runs all.
//
// The slope at the new point is evaluated in every method ("first same as last"): it is
// stage s of the next step's first, enters the error estimate, and lets each method
// interpolate. So an accepted step costs `stages` right-hand sides.
#pragma once

#include <span>
#include <string_view>

namespace linflow {

struct Tableau {
  std::string_view name;
  int order;                       // of the solution
  int error_order;                 // the estimate is O(h^(error_order + 1))
  int stages;                      // s
  double real_stability;           // |R(−x)| ≤ 1 for 0 ≤ x ≤ this
  std::span<const double> a;       // rows 2 … s of the lower triangle, packed
  std::span<const double> b;       // s weights
  std::span<const double> error;   // s + 1 weights, the last for the slope at the end
  std::span<const double> error3;  // a second, lower-order estimate, or empty
  int extra;                       // further stages that only the dense output needs
  std::span<const double> extra_a; // their rows, of lengths s + 1, s + 2, …
  int degree;                      // dense output: y(θ) = y + h Σ_i b_i(θ) k_i with
  std::span<const double> dense;   // b_i(θ) = Σ_j dense[i·degree + j] θ^(j+1)

  [[nodiscard]] int slopes() const { return stages + 1 + extra; }
};

// Order 1, with Heun's rule as its error estimate and cubic Hermite dense output.
extern const Tableau kEuler;
// The classical method of order 4. Replacing part of the last weight by the slope at
// the end leaves a method of order 3: that difference is the error estimate. Cubic
// Hermite dense output, O(h⁴) as the global error.
extern const Tableau kRk4;
// Dormand, Prince 1980, order 5(4); dense output of order 4 by Shampine 1986.
extern const Tableau kDormandPrince;
// Tsitouras 2011 (Comput. Math. Appl. 62), order 5(4): smaller errors at the same cost;
// dense output of order 4.
extern const Tableau kTsitouras;
// Hairer, Nørsett, Wanner, "Solving Ordinary Differential Equations I": DOP853, order
// 8(5,3); dense output of order 7 at three more stages, where it is asked for.
extern const Tableau kDop853;

} // namespace linflow
