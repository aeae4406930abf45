// Sequential random numbers with the distributions that programs draw from; see philox.h for
// batches.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "numeric/random/philox.h"

namespace vinci::numeric {

/// A sequence of random numbers. Streams that differ in seed, stream or substream are unrelated,
/// and unrelated to what `fill_uniform` and `fill_normal` give for the same key: give each draw or
/// task a substream of its own and results do not depend on threads. Copying a stream copies its
/// position.
///
/// Distributions follow Stan's parametrisations. Arguments outside of a distribution's domain
/// (stated with each) give NaN, or -1 where the result is an integer; the caller reports them.
class RandomStream {
 public:
  explicit RandomStream(uint64_t seed, uint32_t stream = 0, uint32_t substream = 0)
      : seed_(seed), stream_(stream), substream_(substream) {}

  /// 64 uniform bits.
  uint64_t bits();
  /// Uniform on (0, 1): never 0, never 1.
  double uniform() { return uniform_from_bits(bits()); }
  /// Uniform on (lower, upper); finite bounds with lower <= upper.
  double uniform(double lower, double upper);
  /// Uniform on {0, ..., n - 1}, exactly (by rejection); n >= 1.
  int64_t integer(int64_t n);

  double normal() { return normal_quantile(uniform()); }
  /// sigma >= 0.
  double normal(double mu, double sigma);
  /// Rate 1.
  double exponential();
  /// rate > 0.
  double exponential(double rate);
  /// Gamma(shape, 1), shape > 0.  [Marsaglia and Tsang 2000, doi 10.1145/358407.358414]
  double gamma(double shape);
  /// Gamma with density proportional to x^{shape-1} e^{-rate x}; shape, rate > 0.
  double gamma(double shape, double rate);
  /// The logarithm of a Gamma(shape, 1) draw: exact where the draw itself would underflow.
  double log_gamma_draw(double shape);
  double inv_gamma(double shape, double scale);
  double chi_square(double nu);
  double inv_chi_square(double nu);
  double scaled_inv_chi_square(double nu, double scale);
  double beta(double a, double b);
  double student_t(double nu, double mu, double sigma);
  double cauchy(double mu, double sigma);
  double double_exponential(double mu, double sigma);
  double logistic(double mu, double sigma);
  double gumbel(double mu, double beta);
  double lognormal(double mu, double sigma);
  double weibull(double shape, double scale);
  double frechet(double shape, double scale);
  double rayleigh(double sigma);
  double pareto(double minimum, double shape);
  double pareto_type_2(double mu, double lambda, double alpha);
  /// Direction mu in any range, kappa >= 0; the result is in [mu - pi, mu + pi].
  /// [Best and Fisher 1979, doi 10.2307/2346732]
  double von_mises(double mu, double kappa);
  double skew_normal(double xi, double omega, double alpha);
  double exp_mod_normal(double mu, double sigma, double lambda);
  /// Inverse Gaussian with mean mu and shape lambda.  [Michael, Schucany, Haas 1976,
  /// doi 10.2307/2683801]
  double inverse_gaussian(double mu, double lambda);

  /// p in [0, 1].
  int64_t bernoulli(double p);
  /// n >= 0, p in [0, 1]; O(log n) beta draws, exact.  [Devroye 1986, ch. X.4.4, recursive
  /// splitting]
  int64_t binomial(int64_t n, double p);
  int64_t beta_binomial(int64_t n, double a, double b);
  /// 0 <= rate < 2^60; O(log rate) gamma draws, exact.  [Ahrens and Dieter 1974,
  /// doi 10.1007/BF02293108]
  int64_t poisson(double rate);
  /// Stan's neg_binomial: mean alpha / beta.
  int64_t neg_binomial(double alpha, double beta);
  /// Stan's neg_binomial_2: mean mu, variance mu + mu^2 / phi.
  int64_t neg_binomial_2(double mu, double phi);
  /// Number of marked among `draws` taken without replacement from `marked` + `unmarked`; O(draws).
  int64_t hypergeometric(int64_t draws, int64_t marked, int64_t unmarked);
  /// Index into `weights` (from 0), proportionally to them: non-negative, finite, not all zero.
  int64_t categorical(std::span<const double> weights);

  /// out ~ Dirichlet(alpha), alpha > 0, same lengths; computed on the log scale.
  void dirichlet(std::span<const double> alpha, std::span<double> out);
  /// counts ~ Multinomial(n, weights / sum), same lengths.
  void multinomial(int64_t n, std::span<const double> weights, std::span<int64_t> counts);

 private:
  uint64_t seed_;
  uint32_t stream_;
  uint32_t substream_;
  uint64_t next_block_ = 0;
  std::array<uint64_t, 2> buffer_{};
  int buffered_ = 0;
};

}  // namespace vinci::numeric
