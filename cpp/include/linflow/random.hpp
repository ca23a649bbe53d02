// Random streams that pure NumPy reproduces.
//
// Pcg64 is the bit generator of numpy.random.default_rng, seeded by the four words of
// SeedSequence.generate_state(4, uint64); the distributions are NumPy's own, from its
// static library or, where most of their time would go into calls, done here bit by bit
// as there. A stream drawn here equals, number for number,
//     rng = numpy.random.Generator(numpy.random.PCG64(seed_sequence))
//     rng.standard_normal(n), rng.chisquare(df)
// of the NumPy that linflow was built with. A generator of one's own (instead of one
// Python object per cell) is what lets an ensemble draw its networks in its own
// threads.
#pragma once

#include <numpy/random/bitgen.h>

#include <array>
#include <cstdint>
#include <span>

namespace linflow {

using Seed = std::array<std::uint64_t, 4>;

// The words of numpy.random.SeedSequence(entropy, spawn_key), one after the other,
// mixed as NumPy documents it (after M. E. O'Neill's seed_seq_fe); in Python an object
// per stream would take longer than a small run.
class SeedMixer {
public:
  // At least the first four words: the entropy, filled up with zeros where a spawn key
  // follows.
  explicit SeedMixer(std::span<const std::uint32_t> words);
  void add(std::uint32_t word);
  // What generate_state(4, uint64) gives.
  [[nodiscard]] Seed generate() const;

private:
  std::uint32_t mash(std::uint32_t word);

  std::array<std::uint32_t, 4> pool_{};
  std::uint32_t constant_ = 0x43B0D7E5;
};

class Pcg64 {
public:
  explicit Pcg64(const Seed& seed);
  Pcg64(const Pcg64&) = delete; // bitgen_ points into the object
  Pcg64& operator=(const Pcg64&) = delete;

  bitgen_t* bitgen() { return &bitgen_; }
  std::uint64_t next64();
  std::uint32_t next32();
  void standard_normal(std::span<double> out);
  double chi_square(double degrees_of_freedom);

private:
  __extension__ using Word = unsigned __int128;
  template <class Accept> void draw(const Accept& first_try, std::span<double> out);

  Word state_ = 0;
  Word increment_ = 0;
  bool has_half_ = false; // the second half of a 64-bit word, kept for next32
  std::uint32_t half_ = 0;
  bitgen_t bitgen_{};
};

} // namespace linflow
