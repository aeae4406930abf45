#include "numeric/random/philox.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vinci::numeric {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53u;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57u;
constexpr uint32_t kWeyl0 = 0x9E3779B9u;
constexpr uint32_t kWeyl1 = 0xBB67AE85u;
constexpr int kRounds = 10;

/// The same rounds for kWidth counters side by side: plain loops that the compiler turns into SIMD.
template <int kWidth>
struct Blocks {
  alignas(64) uint32_t c0[kWidth], c1[kWidth], c2[kWidth], c3[kWidth];

  void scramble(uint32_t k0, uint32_t k1) {
    for (int round = 0; round < kRounds; ++round) {
      for (size_t i = 0; i < kWidth; ++i) {
        const uint64_t p0 = static_cast<uint64_t>(kMultiplier0) * c0[i];
        const uint64_t p1 = static_cast<uint64_t>(kMultiplier1) * c2[i];
        const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
        const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
        c1[i] = static_cast<uint32_t>(p1);
        c3[i] = static_cast<uint32_t>(p0);
        c0[i] = n0;
        c2[i] = n2;
      }
      k0 += kWeyl0;
      k1 += kWeyl1;
    }
  }
};

template <size_t N>
double polynomial(const double (&c)[N], double x) {
  double r = c[N - 1];
  for (size_t i = N - 1; i-- > 0;) r = r * x + c[i];
  return r;
}

constexpr double kA[] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                         1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                         3.3430575583588128105e4, 2.5090809287301226727e3};
constexpr double kB[] = {1.0,
                         4.2313330701600911252e1,
                         6.8718700749205790830e2,
                         5.3941960214247511077e3,
                         2.1213794301586595867e4,
                         3.9307895800092710610e4,
                         2.8729085735721942674e4,
                         5.2264952788528545610e3};
constexpr double kC[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                         5.76949722146069140550e0,  3.64784832476320460504e0,
                         1.27045825245236838258e0,  2.41780725177450611770e-1,
                         2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr double kD[] = {1.0,
                         2.05319162663775882187e0,
                         1.67638483018380384940e0,
                         6.89767334985100004550e-1,
                         1.48103976427480074590e-1,
                         1.51986665636164571966e-2,
                         5.47593808499534494600e-4,
                         1.05075007164441684324e-9};
constexpr double kE[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                         1.78482653991729133580e0,  2.96560571828504891230e-1,
                         2.65321895265761230930e-2, 1.24266094738807843860e-3,
                         2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr double kF[] = {1.0,
                         5.99832206555887937690e-1,
                         1.36929880922735805310e-1,
                         1.48753612908506148525e-2,
                         7.86869131145613259100e-4,
                         1.84631831751005468180e-5,
                         1.42151175831644588870e-7,
                         2.04426310338993978564e-15};

// AS 241 covers |p - 1/2| <= 0.425 by one rational function and the tails by two more.
constexpr double kCentral = 0.425;

double central_quantile(double q) {
  const double r = kCentral * kCentral - q * q;
  return q * polynomial(kA, r) / polynomial(kB, r);
}

double tail_quantile(double p) {
  const double q = p - 0.5;
  const double tail = q < 0 ? p : 1 - p;
  if (!(tail > 0)) {
    if (tail == 0) return std::copysign(std::numeric_limits<double>::infinity(), q);
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double r = std::sqrt(-std::log(tail));
  const double z = r <= 5 ? polynomial(kC, r - 1.6) / polynomial(kD, r - 1.6)
                          : polynomial(kE, r - 5) / polynomial(kF, r - 5);
  return q < 0 ? -z : z;
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  Blocks<1> b{{counter[0]}, {counter[1]}, {counter[2]}, {counter[3]}};
  b.scramble(key[0], key[1]);
  return {b.c0[0], b.c1[0], b.c2[0], b.c3[0]};
}

double normal_quantile(double p) {
  const double q = p - 0.5;
  return std::abs(q) <= kCentral ? central_quantile(q) : tail_quantile(p);
}

void fill_uniform(RandomKey key, uint32_t step, uint32_t first_lane, std::ptrdiff_t rows,
                  std::ptrdiff_t lanes, double* out, std::ptrdiff_t stride) {
  // Blocks are numbered row pair by row pair, lanes first, so that few lanes fill a batch as well
  // as many.
  constexpr std::ptrdiff_t kWidth = 64;
  const auto k0 = static_cast<uint32_t>(key.seed);
  const auto k1 = static_cast<uint32_t>(key.seed >> 32);
  const std::ptrdiff_t count = (rows + 1) / 2 * lanes;
  Blocks<kWidth> b;
  std::ptrdiff_t pair = 0, lane = 0, out_pair = 0, out_lane = 0;
  for (std::ptrdiff_t first = 0; first < count; first += kWidth) {
    for (size_t i = 0; i < kWidth; ++i) {
      b.c0[i] = static_cast<uint32_t>(pair);
      b.c1[i] = first_lane + static_cast<uint32_t>(lane);
      b.c2[i] = step;
      b.c3[i] = key.stream;
      if (++lane == lanes) {
        lane = 0;
        ++pair;
      }
    }
    b.scramble(k0, k1);
    const auto width = static_cast<size_t>(std::min(kWidth, count - first));
    for (size_t i = 0; i < width; ++i) {
      double* place = out + 2 * out_pair * stride + out_lane;
      *place = uniform_from_bits(static_cast<uint64_t>(b.c1[i]) << 32 | b.c0[i]);
      if (2 * out_pair + 1 < rows) {
        place[stride] = uniform_from_bits(static_cast<uint64_t>(b.c3[i]) << 32 | b.c2[i]);
      }
      if (++out_lane == lanes) {
        out_lane = 0;
        ++out_pair;
      }
    }
  }
}

void fill_normal(RandomKey key, uint32_t step, uint32_t first_lane, std::ptrdiff_t rows,
                 std::ptrdiff_t lanes, double* out, std::ptrdiff_t stride) {
  fill_uniform(key, step, first_lane, rows, lanes, out, stride);
  for (std::ptrdiff_t row = 0; row < rows; ++row) {
    double* values = out + row * stride;
    for (std::ptrdiff_t lane = 0; lane < lanes; ++lane)
      values[lane] = normal_quantile(values[lane]);
  }
}

}  // namespace vinci::numeric
