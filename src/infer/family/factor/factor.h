// Factors: one-dimensional and simplex distributions, of which factorised families are made. Their
// parameters are unconstrained numbers lambda (logarithms of what is positive); all functions take
// lambda as an argument. A word names each kind, as on the command line.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vinci/log_density.h"

namespace vinci::infer {

/// Where the values of a factor lie. Discrete ones: 0 or 1; 0, ..., K - 1; 0, 1, 2, ...
enum class Support { kReal, kPositive, kUnitInterval, kSimplex, kCircle, kBit, kCategory, kCount };

struct NamedParam {
  std::string name;  // as books call it: shape, rate
  double value;
};

/// A function of x as a linear form: sum_k c_k s_k(x), s = 1, x, x^2, 1/x, log x, log^2 x,
/// log(1 - x), logit^2 x. Log densities of one dimension are forms, and where the expectations of
/// these are known, so is any cross-entropy.
using Form = std::array<double, 8>;
namespace statistic {
enum : size_t { kOne, kX, kXSquared, kInverse, kLog, kLogSquared, kLogOneMinus, kLogitSquared };
}

/// A distribution q_lambda of a value x in its support.
/// Laws: (1) draws have density `log_density`; (2) `score` is its derivative in lambda and has mean
/// zero; (3) `entropy`, `mean`, `variance` and `fisher` are moments of those. All are exact up to
/// rounding; entropy and Kullback-Leibler divergence are in nats.
class Factor {
 public:
  virtual ~Factor() = default;

  virtual std::string_view word() const = 0;
  virtual Support support() const = 0;
  /// Numbers that make up x: 1, or K for a simplex (whose density is that of the first K - 1).
  virtual Index num_values() const { return 1; }
  virtual Index num_params() const = 0;
  virtual std::vector<NamedParam> named_params(std::span<const double> lambda) const = 0;

  /// log q(x), -inf outside of the support.
  virtual double log_density(std::span<const double> lambda, std::span<const double> x) const = 0;
  /// d log q(x) / d lambda.
  virtual void score(std::span<const double> lambda, std::span<const double> x,
                     std::span<double> out) const = 0;
  /// E[-log q(x)] over the support.
  virtual double entropy(std::span<const double> lambda) const = 0;
  /// Of each value; inf or NaN where there is none. On the circle: the direction, and 1 - the
  /// length of the mean vector.
  virtual void mean(std::span<const double> lambda, std::span<double> out) const = 0;
  virtual void variance(std::span<const double> lambda, std::span<double> out) const = 0;
  /// Fisher information E[score score'], [P, P] row-major.
  virtual void fisher(std::span<const double> lambda, std::span<double> out) const = 0;

  /// log q as a form, and E of the statistics, NaN where there is no closed form; both only for
  /// kReal, kPositive and kUnitInterval.
  virtual Form log_density_form(std::span<const double> lambda) const;
  virtual Form expected_statistics(std::span<const double> lambda) const;
  /// KL(q || other): exact for two factors of one kind, and for pairs of different kinds where
  /// forms and expectations are known; inf where q has mass outside of the other's support; NaN
  /// where there is no closed form.
  double kl(std::span<const double> lambda, const Factor& other,
            std::span<const double> other_lambda) const;

  /// Uniform numbers in (0, 1) that a draw takes.
  virtual Index noise_dim() const { return 1; }
  /// x = F^-1(noise), of simplexes the stick's shares in turn.
  virtual void draw(std::span<const double> lambda, std::span<const double> noise,
                    std::span<double> x) const = 0;

 protected:
  /// KL of two factors of one kind that have no forms.
  virtual double kl_same_kind(std::span<const double> lambda,
                              std::span<const double> other_lambda) const;
};

/// A factor with a density, seen also over the coordinates z in which inference works: x = x(z) by
/// the constraint transform of its support (lower/transforms.h): e^z on the positive numbers,
/// inv_logit(z) on (0, 1), stick breaking on simplexes, x = z on the line and, wrapped, on the
/// circle. The density of z is log q(x(z)) + log |dx/dz|.
/// Laws: (4) `transform` gives z(noise; lambda) and its log density; `pathwise` is its derivative
/// at fixed noise; (5) `log_q_gradient` is the derivative of `log_q`.
class ContinuousFactor : public Factor {
 public:
  /// Coordinates z: 1, or K - 1 for a simplex. Also the number of noises.
  virtual Index num_unconstrained() const { return 1; }
  Index noise_dim() const override { return num_unconstrained(); }

  /// x(z) and its inverse.
  virtual void constrain(std::span<const double> z, std::span<double> x) const;
  virtual void unconstrain(std::span<const double> x, std::span<double> z) const;
  /// log |dx/dz| at z.
  virtual double log_abs_det_jacobian(std::span<const double> z) const;

  virtual double log_q(std::span<const double> lambda, std::span<const double> z) const = 0;
  virtual void log_q_gradient(std::span<const double> lambda, std::span<const double> z,
                              std::span<double> out) const = 0;
  virtual void score_unconstrained(std::span<const double> lambda, std::span<const double> z,
                                   std::span<double> out) const = 0;
  /// E[-log q(z)]: the entropy over the support less E[log |dx/dz|]; NaN without closed form.
  virtual double entropy_unconstrained(std::span<const double> lambda) const = 0;
  virtual void transform(std::span<const double> lambda, std::span<const double> noise,
                         std::span<double> z) const = 0;
  /// gradient[p] = sum_d adjoint[d] dz_d / d lambda_p at fixed noise, given its z.
  virtual void pathwise(std::span<const double> lambda, std::span<const double> z,
                        std::span<const double> adjoint, std::span<double> gradient) const = 0;
  /// lambda of a member whose z has about this mean and standard deviation, where to start a fit.
  virtual void start(std::span<const double> mean, std::span<const double> sd,
                     std::span<double> lambda) const = 0;

  // Over the support, by means of the above.
  double log_density(std::span<const double> lambda, std::span<const double> x) const override;
  void score(std::span<const double> lambda, std::span<const double> x,
             std::span<double> out) const override;
  void draw(std::span<const double> lambda, std::span<const double> noise,
            std::span<double> x) const override;
};

using FactorPtr = std::shared_ptr<const Factor>;
using ContinuousFactorPtr = std::shared_ptr<const ContinuousFactor>;

// One file each. lambda and named parameters:
ContinuousFactorPtr exponential_factor();    // log rate
ContinuousFactorPtr gamma_factor();          // log shape, log rate
ContinuousFactorPtr inverse_gamma_factor();  // log shape, log scale
ContinuousFactorPtr log_normal_factor();     // mu, log sigma: log x ~ N(mu, sigma)
ContinuousFactorPtr beta_factor();           // log a, log b
ContinuousFactorPtr logit_normal_factor();   // mu, log sigma: logit x ~ N(mu, sigma)
ContinuousFactorPtr normal_factor();         // mean, log sd
ContinuousFactorPtr von_mises_factor();      // direction, log concentration
/// The same for an angle declared on (low, low + 2 pi): z = logit((x - low) / (2 pi)).
ContinuousFactorPtr von_mises_factor_on(double low);
ContinuousFactorPtr dirichlet_factor(Index num_values);  // log concentrations
FactorPtr bernoulli_factor();                            // logit of the probability of 1
FactorPtr poisson_factor();                              // log rate
/// Logarithms of the odds of 0, ..., K - 2 against K - 1.
FactorPtr categorical_factor(Index num_values);

/// A point mass at z = lambda, `size` coordinates: what is learned rather than integrated out.
/// Entropy 0; log q is 0 and no density at all, so that importance ratios are those of the other
/// factors given the point. `scale`: sd of a coordinate's likelihood, for the optimiser's steps.
ContinuousFactorPtr point_factor(std::vector<double> scale);

/// The words of the continuous factors that suit a support, and whether a word (in any spelling
/// with hyphens or underscores, `inv_gamma` and `lognormal` included) names one; empty if none.
std::vector<std::string_view> factor_words(Support support);
std::string_view canonical_factor_word(std::string_view word);
/// The factor of a canonical word; num_values counts for dirichlet.
ContinuousFactorPtr make_factor(std::string_view word, Index num_values = 1);
/// Where the values of a canonical word lie.
Support factor_support(std::string_view word);

}  // namespace vinci::infer
