// Families of q(z | x) for one vector z, whose parameters a network computes from x.
#pragma once

#include <memory>

#include "deep/core/layers.h"

namespace vinci::deep {

/// Laws: for eps ~ N(0, I), draw(outputs, eps).z has the density q, and log_q is its log at z; both
/// are differentiable in outputs and eps.
class Posterior {
 public:
  struct Draws {
    Tensor z;      // [k, B, L]
    Tensor log_q;  // [k, B]
  };

  virtual ~Posterior() = default;
  /// How many outputs of the network describe q for one example.
  virtual int64_t num_outputs() const = 0;
  /// To be called once with the last layer of the network: where q starts.
  virtual void start(Linear& last) { (void)last; }
  /// outputs: [B, num_outputs()]; eps: [k, B, L].
  virtual Draws draw(const Tensor& outputs, const Tensor& eps) const = 0;
  /// log q at any z, [k, B]; only where `knows_density`.
  virtual Tensor log_density(const Tensor& outputs, const Tensor& z) const = 0;
  virtual bool knows_density() const { return true; }
  /// KL(q || N(0, I)) in closed form, [B]; undefined where there is none.
  virtual Tensor kl(const Tensor& outputs) const = 0;
  /// E_q[z], [B, L]; by 64 draws where there is no closed form.
  virtual Tensor mean(const Tensor& outputs, Noise& noise) const = 0;
};

/// The settings `posterior`, `flow-steps`, `flow-hidden`, `flow-context`.
std::vector<Setting> posterior_settings();
/// For the settings of `config`, `activation` among them, and `latent` variables. Numbers that all
/// examples share become parameters.
std::unique_ptr<Posterior> make_posterior(const Config& config, int64_t latent,
                                          Parameters& parameters, Noise& initial);

}  // namespace vinci::deep
