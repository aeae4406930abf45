// Stochastic gradients of variational objectives: one interface, one file for each estimator. What
// `stochastic_vi` climbs with and `vinci estimators` compares.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "infer/family/parametric_family.h"
#include "infer/objective.h"

namespace vinci::infer {

/// Where the noise of the draws of one estimate comes from.
enum class NoiseKind {
  kIndependent,
  kAntithetic,  // pairs u, -u (the last of an odd number stands alone)
  kSobol,       // scrambled Sobol points through the normal quantile
};

struct EstimatorOptions {
  Index draws = 16;  // of q in one estimate
  NoiseKind noise = NoiseKind::kIndependent;
  /// The objective is E_q[temperature log p - entropy_weight log q]: with both 1 the ELBO; a
  /// temperature below 1 anneals the density; without entropy q contracts to the maximum of p.
  double temperature = 1;
  double entropy_weight = 1;

  /// Throws vinci::Error (kUsage) naming the field and the rule.
  void validate() const;
};

/// Laws: (1) E[estimate] is the gradient of the objective that the estimator names, exactly, except
/// where a draw has no finite density: such a draw pulls towards the mass of q (pathwise: as if
/// grad log p were 2 grad log q there; score: as if its log ratio were the smallest of the batch);
/// (2) an estimate depends on (lambda, key, step) and what the object has learned, not on threads.
class GradientEstimator {
 public:
  explicit GradientEstimator(const EstimatorOptions& options);
  virtual ~GradientEstimator() = default;

  virtual std::string name() const = 0;
  /// Why it cannot serve this family with these options, for a person; empty where it can.
  virtual std::string obstacle(const ParametricFamily& family) const;
  /// One estimate at lambda: gradient[P] of ascent; returns an estimate of the objective from the
  /// same draws, over those of finite density (-inf if none is).
  virtual double estimate(Objective& objective, const ParametricFamily& family,
                          std::span<const double> lambda, numeric::RandomKey key, uint32_t step,
                          std::span<double> gradient) = 0;

  const EstimatorOptions& options() const { return options_; }
  /// How many draws share one importance-weighted bound L_k; 1 for the ELBO.
  virtual Index bound_draws() const { return 1; }

 protected:
  /// `base` with the kind of noise in words.
  std::string with_noise(const std::string& base) const;

  EstimatorOptions options_;
};

using EstimatorPtr = std::unique_ptr<GradientEstimator>;

// ---- the ELBO by reparameterisation

/// d/dlambda [log p(z) - log q_lambda(z)] along z = t(u, lambda), all of it: the part of log q that
/// depends on lambda directly has zero mean but adds noise.
/// [Kingma and Welling 2014, arXiv 1312.6114; Rezende, Mohamed, Wierstra 2014, arXiv 1401.4082]
EstimatorPtr pathwise_estimator(const EstimatorOptions& options);
/// The energy pathwise, the entropy in closed form. [Kucukelbir et al. 2017, JMLR 18(14), eq. (7)]
EstimatorPtr entropy_pathwise_estimator(const EstimatorOptions& options);
/// Pathwise without the direct part: no variance at all where q = p.
/// [Roeder, Wu, Duvenaud 2017, arXiv 1703.09194, sec. 3]
EstimatorPtr sticking_the_landing_estimator(const EstimatorOptions& options);

// ---- the ELBO without reparameterisation; E_q[grad log q] = 0 is what all of them live on

/// mean f h, f = log p - log q, h = grad log q.
/// [Ranganath, Gerrish, Blei 2014, arXiv 1401.0118, eq. (2)]
EstimatorPtr score_estimator(const EstimatorOptions& options);
/// mean (f - a) h, a_i = Cov(f h_i, h_i) / Var(h_i), the coefficient that minimises the variance of
/// coordinate i, computed for each half of the batch from the other half: no bias. At least 4
/// independent draws. [ibid., eqs. (8), (9)]
EstimatorPtr score_control_variate_estimator(const EstimatorOptions& options);
/// sum (f - mean f) h / (n - 1): each draw's baseline is the mean of the others. At least 2
/// independent draws. [Kool, van Hoof, Welling 2019; Salimans and Knowles 2014, arXiv 1401.1022]
EstimatorPtr leave_one_out_estimator(const EstimatorOptions& options);

// ---- the importance-weighted bound L_k, from floor(draws / k) groups of k; temperature and
// entropy_weight must be 1

/// sum_i w_i d log w_i / d lambda in each group, w normalised, the total derivative.
/// [Burda, Grosse, Salakhutdinov 2016, arXiv 1509.00519, eq. (13)]
EstimatorPtr importance_weighted_estimator(const EstimatorOptions& options, Index k);
/// sum_i w_i^2 (dz_i / dlambda)' grad_z log w_i: the score is reparameterised once more, so that
/// the signal does not drown as k grows. k = 1 is sticking the landing. [Tucker, Lawson, Gu,
/// Maddison 2019, arXiv 1810.04152, eq. (8)]
EstimatorPtr doubly_reparameterised_estimator(const EstimatorOptions& options, Index k);

// ---- with more knowledge of model or family

/// Pathwise with closed entropy, less its linearisation about the mean of q, whose expectation is
/// known: g(m) + H(m)(s u) for the mean and s^2 diag H for log s. Mean-field normals. Costs 1
/// evaluation, `draws` Hessian-vector products and D more for the diagonal; without `with_scale`
/// the deviations are left as they are and the D are saved.
/// [Miller, Foti, D'Amour, Adams 2017, arXiv 1705.07880, sec. 3]
EstimatorPtr hessian_control_variate_estimator(const EstimatorOptions& options,
                                               bool with_scale = true);

/// sums[i][lane] = the sum of the terms of log p that depend on coordinate i, at points [D][lanes].
using BlanketFunction = std::function<void(LaneMatrix points, MutableLaneMatrix sums)>;
/// The score function with, for the parameters of coordinate i, only what depends on coordinate i:
/// E[h_i (sum of the terms in its Markov blanket - log q_i)]; `leave_one_out` adds the mean of the
/// other draws as baseline. Mean-field normals. [Ranganath, Gerrish, Blei 2014, eq. (6)]
EstimatorPtr rao_blackwell_estimator(const EstimatorOptions& options, BlanketFunction blanket,
                                     bool leave_one_out = false);

struct LaxOptions {
  Index width = 32;    // of the two hidden layers
  double rate = 0.01;  // of Adam on the surrogate
  Index pilot = 64;    // draws before the first estimate, to centre and scale the surrogate
};
/// (f - c(z)) h + d c(z(u, lambda)) / d lambda for a neural surrogate c of f = log p - log q,
/// trained after each estimate, on its draws, to make the estimates' squares small: unbiased
/// whatever c is. Needs no gradient of the density. [Grathwohl, Choi, Wu, Roeder, Duvenaud 2018,
/// arXiv 1711.00123, sec. 3.1]
EstimatorPtr lax_estimator(const EstimatorOptions& options, const LaxOptions& lax = {});

}  // namespace vinci::infer
