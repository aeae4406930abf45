#include "numeric/random/sobol.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "base/check.h"

namespace vinci::numeric {
namespace {

constexpr uint16_t kFirstNumbers[] = {
#include "numeric/random/sobol_numbers.def"
};
constexpr int kTabledDegree = 10;
constexpr int kMaxDegree = 13;
constexpr int kBits = 32;

/// a b mod p over GF(2), p of degree s.
uint32_t multiply(uint32_t a, uint32_t b, uint32_t p, int s) {
  uint32_t product = 0;
  for (; b != 0; b >>= 1) {
    if ((b & 1) != 0) product ^= a;
    a <<= 1;
    if ((a >> s & 1) != 0) a ^= p;
  }
  return product;
}

uint32_t power_of_x(uint32_t exponent, uint32_t p, int s) {
  uint32_t result = 1, base = s == 1 ? 1 : 2;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(result, base, p, s);
    base = multiply(base, base, p, s);
  }
  return result;
}

/// Whether x generates the multiplicative group of GF(2)[x] / p.
bool is_primitive(uint32_t p, int s) {
  const uint32_t order = (1u << s) - 1;
  if (power_of_x(order, p, s) != 1) return false;
  uint32_t rest = order;
  for (uint32_t f = 2; f * f <= rest; ++f) {
    if (rest % f != 0) continue;
    if (power_of_x(order / f, p, s) == 1) return false;
    while (rest % f == 0) rest /= f;
  }
  return rest <= 1 || rest == order || power_of_x(order / rest, p, s) != 1;
}

struct Polynomial {
  uint16_t bits;
  uint8_t degree;
  int16_t first_number;  // into kFirstNumbers; -1: none there
};

std::vector<Polynomial> find_polynomials() {
  std::vector<Polynomial> found;
  int first = 0;
  for (int s = 1; s <= kMaxDegree; ++s) {
    for (uint32_t p = (1u << s) + 1; p < 2u << s; p += 2) {
      if (!is_primitive(p, s)) continue;
      const bool tabled = s <= kTabledDegree;
      found.push_back({static_cast<uint16_t>(p), static_cast<uint8_t>(s),
                       static_cast<int16_t>(tabled ? first : -1)});
      if (tabled) first += s;
    }
  }
  return found;
}

uint64_t mix(uint64_t x) {
  // The output function of SplitMix64. [Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195]
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// v_k = m_k 2^(32 - k), k = 1, ..., bits.
std::array<uint32_t, kBits> direction_numbers(std::ptrdiff_t row, int bits) {
  std::array<uint32_t, kBits> v{};
  if (row == 0) {
    for (int k = 0; k < bits; ++k) v[static_cast<size_t>(k)] = 1u << (kBits - 1 - k);
    return v;
  }
  static const std::vector<Polynomial> polynomials = find_polynomials();
  const Polynomial p = polynomials[static_cast<size_t>(row - 1)];
  const int s = p.degree;
  std::array<uint32_t, kBits> m{};
  for (int k = 0; k < bits; ++k) {
    const auto at = static_cast<size_t>(k);
    if (k >= s) {
      // m_k = 2 a_1 m_{k-1} + ... + 2^s a_s m_{k-s} + m_{k-s} over GF(2).
      m[at] = m[at - static_cast<size_t>(s)];
      for (int i = 1; i <= s; ++i) {
        if ((p.bits >> (s - i) & 1) != 0) m[at] ^= m[at - static_cast<size_t>(i)] << i;
      }
    } else if (p.first_number >= 0) {
      m[at] = kFirstNumbers[p.first_number + k];
    } else {
      // Any odd number below 2^k will do.
      const uint64_t hash = mix(static_cast<uint64_t>(row) * kBits + static_cast<uint64_t>(k));
      m[at] = static_cast<uint32_t>(hash & ((uint64_t{2} << k) - 1)) | 1u;
    }
    v[at] = m[at] << (kBits - 1 - k);
  }
  return v;
}

}  // namespace

uint32_t sobol_integer(std::ptrdiff_t row, uint32_t index) {
  VINCI_CHECK(row >= 0 && row < kMaxSobolRows);
  const auto v = direction_numbers(row, kBits);
  uint32_t x = 0;
  for (uint32_t gray = index ^ (index >> 1), k = 0; gray != 0; gray >>= 1, ++k) {
    if ((gray & 1) != 0) x ^= v[k];
  }
  return x;
}

void fill_sobol_uniform(RandomKey key, uint32_t step, std::ptrdiff_t rows, std::ptrdiff_t lanes,
                        double* out, std::ptrdiff_t stride) {
  if (rows > kMaxSobolRows) {
    // Rows of Philox are numbered from 0: other lanes keep them apart from the scramblings' seeds.
    fill_uniform(key, step, 1, rows - kMaxSobolRows, lanes, out + kMaxSobolRows * stride, stride);
    rows = kMaxSobolRows;
  }
  VINCI_CHECK(lanes <= std::ptrdiff_t{1} << 31);
  const int bits = std::bit_width(static_cast<uint32_t>(std::max<std::ptrdiff_t>(lanes - 1, 0)));
  const double unit = 1.0 / static_cast<double>(uint64_t{1} << bits);
  const std::array<uint32_t, 2> seed = {static_cast<uint32_t>(key.seed),
                                        static_cast<uint32_t>(key.seed >> 32)};
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    const auto v = direction_numbers(r, bits);
    // ~step: apart from what fill_uniform gives the same key.
    const auto words = philox4x32({static_cast<uint32_t>(r), 0, ~step, key.stream}, seed);
    const uint64_t a = static_cast<uint64_t>(words[1]) << 32 | words[0];
    const uint64_t b = static_cast<uint64_t>(words[3]) << 32 | words[2];
    const auto random_bits = [&](uint64_t node) {
      return mix(mix(a + node * 0x9E3779B97F4A7C15u) ^ b);
    };
    uint32_t x = 0;
    for (std::ptrdiff_t l = 0; l < lanes; ++l) {
      if (l > 0) x ^= v[static_cast<size_t>(std::countr_zero(static_cast<uint32_t>(l)))];
      // A node of the binary tree is its path with a one in front.
      uint64_t node = 1, scrambled = 0;
      for (int k = 1; k <= bits; ++k) {
        const uint64_t digit = x >> (kBits - k) & 1;
        scrambled = 2 * scrambled + (digit ^ (random_bits(node) >> 63));
        node = 2 * node + digit;
      }
      // Each of the first 2^bits points is alone in its interval: what follows is independent.
      const double rest = uniform_from_bits(random_bits(node));
      out[r * stride + l] = std::min((static_cast<double>(scrambled) + rest) * unit, 1 - 0x1p-53);
    }
  }
}

void fill_sobol_normal(RandomKey key, uint32_t step, std::ptrdiff_t rows, std::ptrdiff_t lanes,
                       double* out, std::ptrdiff_t stride) {
  fill_sobol_uniform(key, step, rows, lanes, out, stride);
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    for (std::ptrdiff_t l = 0; l < lanes; ++l) {
      out[r * stride + l] = normal_quantile(out[r * stride + l]);
    }
  }
}

}  // namespace vinci::numeric
