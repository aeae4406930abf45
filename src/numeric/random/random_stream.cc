#include "numeric/random/random_stream.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace vinci::numeric {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// False for NaN, as every comparison here is written so that NaN falls outside of the domain.
bool positive(double x) { return x > 0 && std::isfinite(x); }

}  // namespace

uint64_t RandomStream::bits() {
  if (buffered_ == 0) {
    // The third word counts down from 2^32 - 1 where `fill_*` has its step, which counts up from 0.
    const auto w = philox4x32({static_cast<uint32_t>(next_block_), substream_,
                               ~static_cast<uint32_t>(next_block_ >> 32), stream_},
                              {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
    ++next_block_;
    buffer_ = {static_cast<uint64_t>(w[3]) << 32 | w[2], static_cast<uint64_t>(w[1]) << 32 | w[0]};
    buffered_ = 2;
  }
  return buffer_[static_cast<size_t>(--buffered_)];
}

double RandomStream::uniform(double lower, double upper) {
  if (!(lower <= upper) || !std::isfinite(lower) || !std::isfinite(upper)) return kNan;
  const double u = uniform();
  // The weighted form cannot overflow where upper - lower would.
  return std::clamp(lower * (1 - u) + upper * u, lower, upper);
}

int64_t RandomStream::integer(int64_t n) {
  if (n < 1) return -1;
  const auto range = static_cast<uint64_t>(n);
  const uint64_t biased =
      (0 - range) % range;  // 2^64 mod n: the values below it would be drawn too often
  uint64_t x = bits();
  while (x < biased) x = bits();
  return static_cast<int64_t>(x % range);
}

double RandomStream::normal(double mu, double sigma) {
  if (!(sigma >= 0)) return kNan;
  return mu + sigma * normal();
}

double RandomStream::exponential() { return -std::log(uniform()); }
double RandomStream::exponential(double rate) {
  return positive(rate) ? exponential() / rate : kNan;
}

double RandomStream::gamma(double shape) {
  if (!positive(shape)) return kNan;
  if (shape < 1) return std::exp(log_gamma_draw(shape));
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal();
    const double t = 1 + c * x;
    if (t <= 0) continue;
    const double v = t * t * t;
    const double u = uniform();
    // The first implies the second (d >= 2/3), and takes no logarithms.
    if (u < 1 - 0.0331 * (x * x) * (x * x)) return d * v;
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double RandomStream::gamma(double shape, double rate) {
  return positive(rate) ? gamma(shape) / rate : kNan;
}

double RandomStream::log_gamma_draw(double shape) {
  if (!positive(shape)) return kNan;
  if (shape >= 1) return std::log(gamma(shape));
  // Gamma(a) = Gamma(a + 1) U^{1/a}.
  const double boost = std::log(uniform()) / shape;
  return std::log(gamma(shape + 1)) + boost;
}

double RandomStream::inv_gamma(double shape, double scale) {
  return positive(scale) ? scale * std::exp(-log_gamma_draw(shape)) : kNan;
}
double RandomStream::chi_square(double nu) { return 2 * gamma(nu / 2); }
double RandomStream::inv_chi_square(double nu) { return 0.5 * std::exp(-log_gamma_draw(nu / 2)); }
double RandomStream::scaled_inv_chi_square(double nu, double scale) {
  return positive(scale) ? nu * scale * scale * inv_chi_square(nu) : kNan;
}

double RandomStream::beta(double a, double b) {
  const double log_x = log_gamma_draw(a);
  const double log_y = log_gamma_draw(b);
  return 1 / (1 + std::exp(log_y - log_x));
}

double RandomStream::student_t(double nu, double mu, double sigma) {
  if (!(sigma > 0)) return kNan;
  const double z = normal();
  return mu + sigma * z * std::exp(-0.5 * (log_gamma_draw(nu / 2) - std::log(nu / 2)));
}
double RandomStream::cauchy(double mu, double sigma) {
  return sigma > 0 ? mu + sigma * std::tan(std::numbers::pi * (uniform() - 0.5)) : kNan;
}
double RandomStream::double_exponential(double mu, double sigma) {
  if (!(sigma > 0)) return kNan;
  const double e = exponential();
  return uniform() < 0.5 ? mu - sigma * e : mu + sigma * e;
}
double RandomStream::logistic(double mu, double sigma) {
  if (!(sigma > 0)) return kNan;
  const double u = uniform();
  return mu + sigma * (std::log(u) - std::log1p(-u));
}
double RandomStream::gumbel(double mu, double beta) {
  return beta > 0 ? mu - beta * std::log(exponential()) : kNan;
}
double RandomStream::lognormal(double mu, double sigma) { return std::exp(normal(mu, sigma)); }
double RandomStream::weibull(double shape, double scale) {
  return positive(shape) && scale > 0 ? scale * std::pow(exponential(), 1 / shape) : kNan;
}
double RandomStream::frechet(double shape, double scale) {
  return positive(shape) && scale > 0 ? scale * std::pow(exponential(), -1 / shape) : kNan;
}
double RandomStream::rayleigh(double sigma) {
  return sigma > 0 ? sigma * std::sqrt(2 * exponential()) : kNan;
}
double RandomStream::pareto(double minimum, double shape) {
  return minimum > 0 && positive(shape) ? minimum * std::exp(exponential() / shape) : kNan;
}
double RandomStream::pareto_type_2(double mu, double lambda, double alpha) {
  return lambda > 0 && positive(alpha) ? mu + lambda * std::expm1(exponential() / alpha) : kNan;
}

double RandomStream::von_mises(double mu, double kappa) {
  if (!(kappa >= 0) || !std::isfinite(kappa) || !std::isfinite(mu)) return kNan;
  constexpr double kPi = std::numbers::pi;
  // Below 1e-8 the density is uniform to rounding; above 1e6 it is normal with variance 1/kappa to
  // 1e-6, and the quotient below would cancel.
  if (kappa < 1e-8) return mu + kPi * (2 * uniform() - 1);
  if (kappa > 1e6) return mu + std::clamp(normal() / std::sqrt(kappa), -kPi, kPi);
  const double tau = 1 + std::sqrt(1 + 4 * kappa * kappa);
  const double rho = (tau - std::sqrt(2 * tau)) / (2 * kappa);
  const double r = (1 + rho * rho) / (2 * rho);
  while (true) {
    const double z = std::cos(kPi * uniform());
    const double f = (1 + r * z) / (r + z);
    const double c = kappa * (r - f);
    const double u = uniform();
    if (c * (2 - c) > u || std::log(c / u) + 1 >= c) {
      const double angle = std::acos(std::clamp(f, -1.0, 1.0));
      return uniform() < 0.5 ? mu - angle : mu + angle;
    }
  }
}

double RandomStream::skew_normal(double xi, double omega, double alpha) {
  if (!(omega > 0) || !std::isfinite(alpha)) return kNan;
  const double delta = alpha / std::sqrt(1 + alpha * alpha);
  const double shared = std::abs(normal());
  return xi + omega * (delta * shared + std::sqrt(1 - delta * delta) * normal());
}
double RandomStream::exp_mod_normal(double mu, double sigma, double lambda) {
  const double base = normal(mu, sigma);
  return base + exponential(lambda);
}

double RandomStream::inverse_gaussian(double mu, double lambda) {
  if (!positive(mu) || !positive(lambda)) return kNan;
  const double z = normal();
  const double y = mu * z * z / lambda;
  // The smaller root of the quadratic, written without the cancellation of 1 + y/2 - sqrt(y +
  // y^2/4).
  const double x = mu / (1 + 0.5 * y + std::sqrt(y + 0.25 * y * y));
  return uniform() <= mu / (mu + x) ? x : mu * (mu / x);
}

int64_t RandomStream::bernoulli(double p) {
  if (!(p >= 0 && p <= 1)) return -1;
  return uniform() < p ? 1 : 0;
}

int64_t RandomStream::binomial(int64_t n, double p) {
  if (n < 0 || !(p >= 0 && p <= 1)) return -1;
  int64_t count = 0;
  // The i-th smallest of n uniforms is Beta(i, n + 1 - i): it splits the question "how many of n
  // uniforms lie below p" into one of half the size.
  while (n > 16) {
    if (p <= 0) return count;
    if (p >= 1) return count + n;
    const int64_t i = n / 2 + 1;
    const double y = beta(static_cast<double>(i), static_cast<double>(n + 1 - i));
    if (y <= p) {
      count += i;
      n -= i;
      p = std::clamp((p - y) / (1 - y), 0.0, 1.0);
    } else {
      n = i - 1;
      p = std::min(p / y, 1.0);
    }
  }
  for (int64_t k = 0; k < n; ++k) count += uniform() < p ? 1 : 0;
  return count;
}

int64_t RandomStream::beta_binomial(int64_t n, double a, double b) {
  return binomial(n, beta(a, b));
}

int64_t RandomStream::poisson(double rate) {
  if (!(rate >= 0 && rate < 0x1p60)) return -1;
  int64_t count = 0;
  // The m-th arrival of a unit-rate process is Gamma(m): either it lies within the window, or the m
  // - 1 arrivals before it are uniform on (0, arrival).
  while (rate > 12) {
    const auto m = static_cast<int64_t>(rate * 0.875);
    const double arrival = gamma(static_cast<double>(m));
    if (arrival > rate) return count + binomial(m - 1, rate / arrival);
    count += m;
    rate -= arrival;
  }
  const double limit = std::exp(-rate);
  for (double product = uniform(); product > limit; product *= uniform()) ++count;
  return count;
}

int64_t RandomStream::neg_binomial(double alpha, double beta) {
  return poisson(gamma(alpha, beta));
}
int64_t RandomStream::neg_binomial_2(double mu, double phi) {
  if (!positive(mu) || !positive(phi)) return -1;
  return poisson(gamma(phi) * (mu / phi));
}

int64_t RandomStream::hypergeometric(int64_t draws, int64_t marked, int64_t unmarked) {
  if (draws < 0 || marked < 0 || unmarked < 0 || draws - marked > unmarked) return -1;
  int64_t taken = 0;
  for (; draws > 0; --draws) {
    if (integer(marked + unmarked) < marked) {
      ++taken;
      --marked;
    } else {
      --unmarked;
    }
  }
  return taken;
}

int64_t RandomStream::categorical(std::span<const double> weights) {
  double total = 0;
  for (const double w : weights) {
    if (!(w >= 0)) return -1;
    total += w;
  }
  if (!positive(total)) return -1;
  double rest = uniform() * total;
  int64_t last = -1;
  for (size_t k = 0; k < weights.size(); ++k) {
    if (weights[k] <= 0) continue;
    last = static_cast<int64_t>(k);
    rest -= weights[k];
    if (rest < 0) break;
  }
  return last;  // the last category of positive weight if rounding left a remainder
}

void RandomStream::dirichlet(std::span<const double> alpha, std::span<double> out) {
  double largest = -std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < alpha.size(); ++k) {
    out[k] = log_gamma_draw(alpha[k]);
    if (std::isnan(out[k])) {
      std::fill(out.begin(), out.end(), kNan);
      return;
    }
    largest = std::max(largest, out[k]);
  }
  double total = 0;
  for (double& x : out) total += x = std::exp(x - largest);
  for (double& x : out) x /= total;
}

void RandomStream::multinomial(int64_t n, std::span<const double> weights,
                               std::span<int64_t> counts) {
  double rest = 0;
  bool in_domain = n >= 0;
  for (const double w : weights) {
    in_domain = in_domain && w >= 0;
    rest += w;
  }
  if (!in_domain || !positive(rest)) {
    std::fill(counts.begin(), counts.end(), -1);
    return;
  }
  size_t last = 0;
  for (size_t k = 0; k < weights.size(); ++k) {
    if (weights[k] > 0) last = k;
  }
  for (size_t k = 0; k < weights.size(); ++k) {
    counts[k] = k == last         ? n
                : weights[k] == 0 ? 0
                                  : binomial(n, std::clamp(weights[k] / rest, 0.0, 1.0));
    n -= counts[k];
    rest -= weights[k];
    // Past a remainder eaten by rounding, nothing is left to hand out but to the last category.
    if (!(rest > 0)) rest = weights[last];
  }
}

}  // namespace vinci::numeric
