// Stochastic gradients for factorised q over discrete coordinates, jointly with pathwise gradients
// for the continuous ones: one interface (GradientEstimator), one file for each estimator.
#pragma once

#include <cstdint>
#include <vector>

#include "infer/estimator/estimator.h"
#include "infer/family/mixed_family.h"

namespace vinci::infer {

/// The Markov blankets of the discrete coordinates of a density over [D + M].
struct DiscreteBlankets {
  /// sums[i][lane] = the sum of the terms that depend on coordinate i, up to what does not depend
  /// on it; points, sums: [D + M][lanes]. Empty: the whole density stands in for every blanket.
  BlanketFunction sums;
  /// Discrete coordinates of one colour share no term, so that all of them can change at once
  /// without touching each other's blankets. [M]; empty: each has its own colour.
  std::vector<int32_t> colour;
};

/// What is subtracted from the learning signal of a score function.
enum class ScoreControl {
  kNone,
  kScore,        // a h, a = Cov(f h, h) / Var(h) for each logit, from the other half of the draws
  kLeaveOneOut,  // the mean of the other draws' signals
};

// All of these serve MixedFamily only. The continuous parameters' gradient is sticking the landing
// at the states drawn, in each of them; what follows is the logits'. With f = log p - log q the
// whole log ratio, f_i the same from the terms in the blanket of z_i and log q_i alone, h_i = grad
// log q_i. Options as of EstimatorOptions; only independent noise. Evaluations of blankets count as
// evaluations of the density.

/// E[f h_i], any control; works for any q that can be drawn from.
/// [Ranganath, Gerrish, Blei 2014, arXiv 1401.0118, eqs. (2), (8), (9)]
EstimatorPtr discrete_score_estimator(const EstimatorOptions& options, ScoreControl control);
/// E[f_i h_i], any control. [ibid., eq. (6)]
EstimatorPtr discrete_rao_blackwell_estimator(const EstimatorOptions& options,
                                              DiscreteBlankets blankets, ScoreControl control);
/// E_{q(z_-i)} sum_k grad q_i(k) [log p(x, z_-i, k) - log q_i(k)]: the sum over the states of z_i
/// is exact, all else as drawn. One evaluation of the blankets for each colour and each
/// state. [Titsias and Lazaro-Gredilla 2015, Local expectation gradients, NeurIPS, eq.
/// (6)]
EstimatorPtr local_expectation_estimator(const EstimatorOptions& options,
                                         DiscreteBlankets blankets);
/// Two states each: b = 1[u > 1 - s(a)], b' = 1[u < s(a)] from one uniform, and
/// (f(b) - f(b')) (-1)^b' 1[b != b'] s(|a|) / 2; draws / 2 pairs, the continuous noise of a pair
/// shared. With blankets f_i stands for f. [Dong, Mnih, Tucker 2020, arXiv 2006.10680, eq. (6);
/// Yin, Ho, Yan, Qian, Zhou 2020]
EstimatorPtr disarm_estimator(const EstimatorOptions& options, DiscreteBlankets blankets = {});
/// The importance-weighted bound L_k: sum_j (L - L_-j) grad log q(z_j) + sum_j w_j grad log w_j, w
/// normalised, L_-j with the geometric mean of the others in place of weight j; the continuous
/// parameters doubly reparameterised. temperature and entropy_weight must be 1.
/// [Mnih and Rezende 2016, arXiv 1602.06725, eqs. (9), (10)]
EstimatorPtr vimco_estimator(const EstimatorOptions& options, Index k);

struct RelaxOptions {
  Index width = 32;          // of the two hidden layers
  double rate = 0.01;        // of Adam on the surrogate
  Index pilot = 64;          // draws before the first estimate, to centre and scale the surrogate
  double temperature = 0.5;  // of the relaxation that the surrogate sees
};
/// (f(b) - c(z~)) grad log q(b) + grad c(z) - grad c(z~) for a neural surrogate c of f at relaxed
/// states: z = softmax((log pi + G) / t) with b its largest, z~ the same with G drawn anew given b,
/// both reparameterised. Trained after each estimate to make its square small: unbiased whatever c
/// is. [Grathwohl, Choi, Wu, Roeder, Duvenaud 2018, arXiv 1711.00123, eqs. (7), (8); z~ as in
/// Tucker et al. 2017, arXiv 1703.07370, appendix B]
EstimatorPtr relax_estimator(const EstimatorOptions& options, const RelaxOptions& relax = {});

/// Pathwise through relaxed states z = softmax((log pi + G) / t) in place of b, with the entropy of
/// q(b) in closed form. BIASED for every t > 0: it is the gradient of E[log p(theta, z)] + H[q]
/// with the density extended to soft states. `relaxed` is that extension, a density of [D + S]
/// numbers, S the states of all discrete coordinates; its references must outlive the estimator.
/// [Maddison, Mnih, Teh 2017, arXiv 1611.00712; Jang, Gu, Poole 2017, arXiv 1611.01144]
EstimatorPtr concrete_estimator(const EstimatorOptions& options, const LogDensity& relaxed,
                                double concrete_temperature);

}  // namespace vinci::infer
