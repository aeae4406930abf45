// Gradients of bounds with discrete latent variables: one interface between the models that have
// them (StochasticNetwork) and the estimators, one file each.
//
// A network draws b_1, ..., b_L in turn from q(b_l | x, b_{l-1}) and has a value f(b_1, ..., b_L);
// what is maximised is E[f], or E log (1/k) sum_i exp f(b^i) over k chains. An estimator gives, for
// each layer, an estimate of the derivative with respect to its logits; one pass back through the
// network turns these, and f where it depends on parameters directly, into gradients.
#pragma once

#include <memory>
#include <span>

#include "deep/core/config.h"
#include "deep/core/parameters.h"

namespace vinci::deep {

/// The units of one layer: `count` variables of `states` values each. Values and logits of a layer
/// have width() numbers: b in {0, 1} and its log odds where there are two states, else for each
/// unit the `states` indicators and their logits.
struct Units {
  int64_t count = 0;
  int64_t states = 2;

  bool binary() const { return states == 2; }
  int64_t width() const { return binary() ? count : count * states; }
};

/// n chains of values of all layers for each of B examples.
struct Chain {
  std::vector<Tensor> values;  ///< [n, B, width]
  std::vector<Tensor> logits;  ///< [n, B, width], or [1, B, width] where all chains share them
  std::vector<Tensor> means;   ///< E[value] given the logits, detached, of their shape
  /// In relaxed chains with densities: the logit (two states) or the logs of the simplex's
  /// coordinates; empty otherwise.
  std::vector<Tensor> unbounded;
  double temperature = 0;        ///< of q's relaxed densities
  double prior_temperature = 0;  ///< of p's

  /// The same with constant logits.
  Chain detached() const;
};

/// Laws. (1) logits(l) depends on x, the layer below and parameters only. (2) `value` is defined
/// and differentiable for values between 0 and 1, by the formula that holds at 0 and 1. (3) It
/// depends on the logits of the chain through -c log q(values), c >= 0, or not at all.
class StochasticNetwork {
 public:
  virtual ~StochasticNetwork() = default;
  virtual std::span<const Units> layers() const = 0;
  /// Logits of layer `layer` given values of the layer below, [n, B, width] each; for layer 0
  /// `below` is undefined and the result [1, B, width].
  virtual Tensor logits(size_t layer, const Tensor& x, const Tensor& below) const = 0;
  /// f, in nats: [n, B].
  virtual Tensor value(const Tensor& x, const Chain& chain) const = 0;
  /// What baselines and surrogates see of an example: [B, context_width()].
  virtual Tensor context(const Tensor& x) const = 0;
  virtual int64_t context_width() const = 0;
};

struct Estimate {
  /// Of minus the bound's mean over the batch, one for each parameter of the network.
  std::vector<Tensor> gradients;
  /// Of the estimator's own loss, one for each of its parameters.
  std::vector<Tensor> surrogate_gradients;
  Tensor bound;             ///< [B], detached: an estimate of what is maximised
  int64_t evaluations = 0;  ///< of f, for each example
};

class Estimator {
 public:
  virtual ~Estimator() = default;
  /// parameters: those of the network, without the estimator's.
  virtual Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                            const std::vector<Tensor>& parameters, Noise& noise) = 0;
};

struct EstimatorRequest {
  const Config& config;  ///< has estimator_settings()
  const StochasticNetwork& network;
  Parameters& parameters;  ///< takes the surrogates' parameters and buffers
  Noise& initial;
};

struct EstimatorKind {
  std::string name;
  std::string summary;
  bool unbiased = true;
  int64_t least_samples = 1;
  bool serves_elbo = true;
  bool serves_iwae = false;
  bool serves_categorical = true;
  bool learns = false;  ///< has parameters of its own
  std::unique_ptr<Estimator> (*make)(const EstimatorRequest& request);
};

/// All estimators, in the order of their publication.
const std::vector<EstimatorKind>& estimator_kinds();

/// The settings `estimator`, `bound`, `samples`, `temperature`, `prior-temperature`,
/// `surrogate-hidden`, `surrogate-rate`, `surrogate-warmup`.
std::vector<Setting> estimator_settings(const std::string& estimator, const std::string& bound,
                                        int64_t samples);

/// Throws Error(kUsage) where the estimator does not serve the bound, units or number of samples.
std::unique_ptr<Estimator> make_estimator(const EstimatorRequest& request);

// What estimators are made of.

/// E[value] given logits: probabilities, of the shape of `logits`.
Tensor mean_of(const Units& units, const Tensor& logits);
/// d <a, mean> / d logits, for a of the shape of `mean` (broadcast).
Tensor mean_gradient(const Units& units, const Tensor& a, const Tensor& mean);
/// Values with these means from uniforms [n, B, count]: [n, B, width], without a gradient.
Tensor draw(const Units& units, const Tensor& mean, const Tensor& uniform);
/// sum over units of log q(values | logits): [n, B].
Tensor log_mass(const Units& units, const Tensor& logits, const Tensor& values);
/// The same of layer l of a chain, by mass, or, where the chain is relaxed with densities, by the
/// Concrete density with `logits` and `temperature`.
Tensor layer_log_density(const Units& units, const Tensor& logits, const Chain& chain, size_t layer,
                         double temperature);

/// n independent chains; their logits carry gradients. One call of the noise.
Chain draw_chains(const StochasticNetwork& network, const Tensor& x, int64_t n, Noise& noise);

/// The whole gradient from its parts: minus the mean over the batch of
///     sum_l <d_logits_l, d logits_l> + <d_value, d value>.
/// d_logits_l: [n, B, width], summed over n where the chains share their logits; d_value: [n, B].
std::vector<Tensor> assemble(const std::vector<Tensor>& logits, std::vector<Tensor> d_logits,
                             const Tensor& value, const Tensor& d_value,
                             const std::vector<Tensor>& parameters);

/// For each i the others' mean of t over dimension 0, of size n >= 2.
Tensor mean_of_others(const Tensor& t);
/// log (1/k) (sum_{j != i} exp t_j + exp s_i): [k, B] for t, s: [k, B]. O(k^2 B).
Tensor log_mean_exp_with(const Tensor& t, const Tensor& s);

/// Running mean (and variance) of the value, in buffers named `name` + ".mean" / ".variance".
class RunningMoments {
 public:
  RunningMoments(Parameters& parameters, const std::string& name);
  const Tensor& mean() const { return mean_; }          // [1]
  const Tensor& variance() const { return variance_; }  // [1]
  void add(const Tensor& values);

 private:
  Tensor mean_, variance_;
};

std::unique_ptr<Estimator> make_reinforce(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_reinforce_loo(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_disarm(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_arms(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_nvil(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_muprop(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_vimco(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_double_cv(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_rebar(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_relax(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_straight_through(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_concrete(const EstimatorRequest& request);
std::unique_ptr<Estimator> make_gumbel_softmax(const EstimatorRequest& request);

}  // namespace vinci::deep
