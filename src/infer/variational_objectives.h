// What variational inference optimises, estimated from independent draws of q: bounds on the
// evidence and divergences, each with its Monte Carlo error and, where it has one, its bias.
#pragma once

#include <span>

#include "diagnose/verdict.h"
#include "infer/family/full_rank_normal.h"
#include "infer/family/mean_field_normal.h"
#include "vinci/log_density.h"

namespace vinci::infer {

/// An estimate whose expectation is off by about `bias` (first order in 1 / draws; 0: unbiased).
struct BiasedEstimate {
  double value = 0;
  double error = 0;  // standard error; NaN from a single draw
  double bias = 0;
};

// ---- three forms of the ELBO. All are in nats; a draw of zero density makes them -inf.

/// E_q[log p(x, z)] + H[q]: the form to use where the entropy has a closed form. Unbiased.
diagnose::Estimate elbo_from_energy(std::span<const double> log_p, double entropy);
/// E_q[log p(x | z)] - KL(q || p(z)), the divergence in closed form. Unbiased.
diagnose::Estimate elbo_from_reconstruction(std::span<const double> log_likelihood,
                                            double kl_to_prior);
/// The same with the divergence from the same draws, E_q[log q(z) - log p(z)]. Unbiased.
diagnose::Estimate elbo_from_reconstruction(std::span<const double> log_likelihood,
                                            std::span<const double> log_prior,
                                            std::span<const double> log_q);
/// log p(x) - KL(q || p(z | x)), for models whose evidence and normalised posterior are known.
/// Unbiased.
diagnose::Estimate elbo_from_evidence(double log_evidence, std::span<const double> log_posterior,
                                      std::span<const double> log_q);
/// E_q[temperature log p - log q], what annealing climbs. Unbiased; 1 is the ELBO.
diagnose::Estimate tempered_elbo(std::span<const double> log_p, std::span<const double> log_q,
                                 double temperature);

// ---- bounds from importance ratios log p - log q; a ratio of -inf is a weight of zero

/// L_k = E log (1/k) sum_{i<=k} p(x, z_i) / q(z_i): the mean over the floor(n / k) disjoint groups
/// of k draws. Unbiased for L_k, which is at most log p(x), starts at the ELBO and does not
/// decrease in k. 1 <= k <= n. [Burda, Grosse, Salakhutdinov 2016, arXiv 1509.00519, eq. (8),
/// theorem 1]
diagnose::Estimate importance_weighted_bound(std::span<const double> log_ratios, Index k);
/// (1 / (1 - alpha)) log E_q[(p / q)^{1 - alpha}], alpha < 1: a lower bound for alpha > 0, the
/// evidence for alpha = 0, an upper bound below, the ELBO in the limit alpha -> 1. The logarithm of
/// a mean: biased by about -CV^2 / (2 n (1 - alpha)).
/// [Li and Turner 2016, arXiv 1602.02311, eqs. (5), (10)]
BiasedEstimate renyi_bound(std::span<const double> log_ratios, double alpha);
/// CUBO_n = (1/n) log E_q[(p / q)^n] >= log p(x), order n >= 1: renyi_bound with alpha = 1 - n. The
/// bias is downward: with heavy tails of the weights the estimate is no bound.
/// [Dieng, Tran, Ranganath, Paisley, Blei 2017, arXiv 1611.00328, eq. (3)]
BiasedEstimate cubo(std::span<const double> log_ratios, double order = 2);

// ---- divergences

/// E_q |grad log p - grad log q|^2: gradients [D][n] at draws of q. Unbiased; free of the evidence.
diagnose::Estimate fisher_divergence(LaneMatrix log_p_gradient, LaneMatrix log_q_gradient);
/// KL(q || p) in nats. Factorised: the sum over coordinates, O(D); dense: O(D^3).
double kl_divergence(const MeanFieldNormal& q, const MeanFieldNormal& p);
double kl_divergence(const FullRankNormal& q, const FullRankNormal& p);

/// -sum p log p in nats, with 0 log 0 = 0: a point mass has entropy 0.
double discrete_entropy(std::span<const double> probabilities);

}  // namespace vinci::infer
