#include "linflow/random.hpp"

#include <bit>
#include <stdexcept>
#include <vector>

// Declared here and not by <numpy/random/distributions.h>, which includes Python.h: the
// core knows no Python. npy_intp is intptr_t.
extern "C" {
double random_standard_normal(bitgen_t* bitgen);
void random_standard_normal_fill(bitgen_t* bitgen, std::intptr_t count, double* out);
double random_chisquare(bitgen_t* bitgen, double df);
}

namespace linflow {
namespace {

__extension__ using Word = unsigned __int128;

Word step(Word state, Word increment) {
  constexpr Word multiplier =
      (static_cast<Word>(2549297995355413924ULL) << 64) | 4865540595714422341ULL;
  return state * multiplier + increment;
}

// XSL-RR: fold the halves, rotate by the top six bits.
std::uint64_t output(Word state) {
  const auto folded =
      static_cast<std::uint64_t>(state >> 64) ^ static_cast<std::uint64_t>(state);
  const auto turn = static_cast<unsigned>(state >> 122);
  return (folded >> turn) | (folded << ((64U - turn) & 63U));
}

std::uint32_t mix(std::uint32_t x, std::uint32_t y) {
  const std::uint32_t out = 0xCA01F9DDU * x - 0x4973F715U * y;
  return out ^ (out >> 16U);
}

// The first try of NumPy's normals (Marsaglia and Tsang's ziggurat): of 64 bits, eight
// choose a layer, one the sign, 52 the place, which is accepted when it is below the
// layer's bound, as 99 % are. Widths and bounds of the layers are read off NumPy's
// answers to chosen bits; where these do not come out like that, nothing is accepted.
class Ziggurat {
public:
  Ziggurat() {
    for (unsigned layer = 0; layer < kLayers; ++layer) {
      std::uint64_t below = 0; // all places below are accepted
      for (std::uint64_t bit = kPlaces >> 1U; bit > 0; bit >>= 1U) {
        below += ask(layer, below + bit - 1).accepted ? bit : 0;
      }
      bound_[layer] = below + (ask(layer, below).accepted ? 1 : 0);
      width_[layer] = ask(layer, 1).value;
    }
  }

  void accept_nothing() { bound_.fill(0); }

  // Whether the bits are accepted as they are; then also their number.
  bool accepts(std::uint64_t bits, double& x) const {
    const auto layer = static_cast<std::size_t>(bits % kLayers);
    const std::uint64_t place = (bits >> 9U) % kPlaces;
    const double size = static_cast<double>(place) * width_[layer];
    const std::uint64_t sign = bits >> 8U << 63U; // no branch: it would be guessed
    x = std::bit_cast<double>(std::bit_cast<std::uint64_t>(size) | sign);
    return place < bound_[layer];
  }

private:
  static constexpr unsigned kLayers = 256;
  static constexpr std::uint64_t kPlaces = std::uint64_t{1} << 52U;

  struct Answer {
    double value;
    bool accepted; // without another draw
  };
  struct Script {
    std::uint64_t bits;
    int draws = 0;
  };

  static Answer ask(unsigned layer, std::uint64_t place) {
    Script script{(place << 9U) | layer};
    bitgen_t scripted{};
    scripted.state = &script;
    scripted.next_uint64 = [](void* self) { // a number of layer 2 ends every other try
      auto& here = *static_cast<Script*>(self);
      return here.draws++ == 0 ? here.bits : std::uint64_t{2};
    };
    scripted.next_double = [](void* self) { // and 0, ½ the tail
      return static_cast<Script*>(self)->draws++ % 2 == 1 ? 0.0 : 0.5;
    };
    const double value = random_standard_normal(&scripted);
    return {value, script.draws == 1};
  }

  std::array<double, kLayers> width_{};
  std::array<std::uint64_t, kLayers> bound_{};
};

} // namespace

SeedMixer::SeedMixer(std::span<const std::uint32_t> words) {
  const std::size_t size = pool_.size();
  if (words.size() < size) {
    throw std::invalid_argument("SeedMixer: at least four words");
  }
  for (std::size_t i = 0; i < size; ++i) {
    pool_[i] = mash(words[i]);
  }
  for (std::size_t from = 0; from < size; ++from) {
    for (std::size_t to = 0; to < size; ++to) {
      if (from != to) {
        pool_[to] = mix(pool_[to], mash(pool_[from]));
      }
    }
  }
  for (const std::uint32_t word : words.subspan(size)) {
    add(word);
  }
}

void SeedMixer::add(std::uint32_t word) {
  for (std::uint32_t& place : pool_) {
    place = mix(place, mash(word));
  }
}

std::uint32_t SeedMixer::mash(std::uint32_t word) {
  word ^= constant_;
  constant_ *= 0x931E8875U;
  word *= constant_;
  return word ^ (word >> 16U);
}

Seed SeedMixer::generate() const {
  std::uint32_t constant = 0x8B51F9DD;
  Seed out{};
  for (std::size_t i = 0; i < 2 * out.size(); ++i) {
    std::uint32_t word = pool_[i % pool_.size()] ^ constant;
    constant *= 0x58F38DEDU;
    word *= constant;
    word ^= word >> 16U;
    out[i / 2] |= static_cast<std::uint64_t>(word) << (i % 2 == 0 ? 0U : 32U);
  }
  return out;
}

Pcg64::Pcg64(const Seed& seed) {
  const auto join = [](std::uint64_t high, std::uint64_t low) {
    return (static_cast<Word>(high) << 64) | low;
  };
  increment_ = (join(seed[2], seed[3]) << 1) | 1U;
  state_ = step(state_, increment_) + join(seed[0], seed[1]);
  state_ = step(state_, increment_);

  bitgen_.state = this;
  bitgen_.next_uint64 = [](void* self) { return static_cast<Pcg64*>(self)->next64(); };
  bitgen_.next_uint32 = [](void* self) { return static_cast<Pcg64*>(self)->next32(); };
  bitgen_.next_double = [](void* self) {
    return static_cast<double>(static_cast<Pcg64*>(self)->next64() >> 11) * 0x1p-53;
  };
  bitgen_.next_raw = bitgen_.next_uint64;
}

std::uint64_t Pcg64::next64() {
  state_ = step(state_, increment_);
  return output(state_);
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

void Pcg64::standard_normal(std::span<double> out) {
  static const Ziggurat ziggurat = [] {
    Ziggurat read;
    std::vector<double> ours(4096);
    std::vector<double> numpy(ours.size());
    Pcg64({1, 2, 3, 4}).draw(read, ours);
    random_standard_normal_fill(Pcg64({1, 2, 3, 4}).bitgen(),
                                static_cast<std::intptr_t>(numpy.size()),
                                numpy.data());
    if (ours != numpy) {
      read.accept_nothing();
    }
    return read;
  }();
  draw(ziggurat, out);
}

template <class Accept>
void Pcg64::draw(const Accept& first_try, std::span<double> out) {
  Word state = state_;
  for (double& x : out) {
    const Word next = step(state, increment_);
    if (first_try.accepts(output(next), x)) {
      state = next;
    } else {
      state_ = state;
      x = random_standard_normal(&bitgen_);
      state = state_;
    }
  }
  state_ = state;
}

double Pcg64::chi_square(double degrees_of_freedom) {
  return random_chisquare(&bitgen_, degrees_of_freedom);
}

} // namespace linflow
