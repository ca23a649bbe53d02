#include "linflow/random.hpp"

// Declared here and not by <numpy/random/distributions.h>, which includes Python.h: the
// core knows no Python. npy_intp is intptr_t.
extern "C" {
void random_standard_normal_fill(bitgen_t* bitgen, std::intptr_t count, double* out);
double random_chisquare(bitgen_t* bitgen, double df);
}

namespace linflow {

Pcg64::Pcg64(const Seed& seed) {
  const auto join = [](std::uint64_t high, std::uint64_t low) {
    return (static_cast<Word>(high) << 64) | low;
  };
  increment_ = (join(seed[2], seed[3]) << 1) | 1U;
  advance();
  state_ += join(seed[0], seed[1]);
  advance();

  bitgen_.state = this;
  bitgen_.next_uint64 = [](void* self) { return static_cast<Pcg64*>(self)->next64(); };
  bitgen_.next_uint32 = [](void* self) { return static_cast<Pcg64*>(self)->next32(); };
  bitgen_.next_double = [](void* self) {
    return static_cast<double>(static_cast<Pcg64*>(self)->next64() >> 11) * 0x1p-53;
  };
  bitgen_.next_raw = bitgen_.next_uint64;
}

void Pcg64::advance() {
  constexpr Word multiplier =
      (static_cast<Word>(2549297995355413924ULL) << 64) | 4865540595714422341ULL;
  state_ = state_ * multiplier + increment_;
}

// XSL-RR: fold the halves, rotate by the top six bits.
std::uint64_t Pcg64::next64() {
  advance();
  const auto folded =
      static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
  const auto turn = static_cast<unsigned>(state_ >> 122);
  return (folded >> turn) | (folded << ((64U - turn) & 63U));
}

std::uint32_t Pcg64::next32() {
  if (has_half_) {
    has_half_ = false;
    return half_;
  }
  const std::uint64_t word = next64();
  has_half_ = true;
  half_ = static_cast<std::uint32_t>(word >> 32);
  return static_cast<std::uint32_t>(word);
}

void standard_normal(bitgen_t* bitgen, std::span<double> out) {
  random_standard_normal_fill(
      bitgen, static_cast<std::intptr_t>(out.size()), out.data());
}

double chi_square(bitgen_t* bitgen, double degrees_of_freedom) {
  return random_chisquare(bitgen, degrees_of_freedom);
}

} // namespace linflow
