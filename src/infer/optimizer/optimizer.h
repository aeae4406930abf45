// Optimisers of stochastic gradients: one interface, ascent.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vinci/log_density.h"

namespace vinci::infer {

/// Law: one `step` moves lambda uphill by what this gradient estimate and those before it suggest;
/// every move is proportional to `rate()`, except for DoWG, which has none.
class Optimizer {
 public:
  explicit Optimizer(double rate);
  virtual ~Optimizer() = default;

  virtual std::string name() const = 0;
  /// lambda, gradient: [P].
  virtual void step(std::span<double> lambda, std::span<const double> gradient) = 0;
  /// Forgets everything but the rate.
  virtual void reset() = 0;

  double rate() const { return rate_; }
  void set_rate(double rate);

 protected:
  double rate_;
};

using OptimizerPtr = std::unique_ptr<Optimizer>;

/// lambda += rate (1 + t / delay)^-power g, t = 0, 1, ...: the Robbins-Monro conditions (sum of
/// steps infinite, of their squares finite) hold for 1/2 < power <= 1; power 0 keeps the rate.
/// [Robbins and Monro 1951, doi 10.1214/aoms/1177729586]
OptimizerPtr sgd(double rate, double power = 0.7, double delay = 100);
/// v = friction v + g; lambda += rate v. [Polyak 1964]
OptimizerPtr momentum(double rate, double friction = 0.9);
/// lambda += rate g / sqrt(sum of g^2), by coordinate. [Duchi, Hazan, Singer 2011, JMLR 12]
OptimizerPtr adagrad(double rate);
/// lambda += rate g / sqrt(running mean of g^2), by coordinate. [Tieleman and Hinton 2012]
OptimizerPtr rmsprop(double rate, double decay = 0.9);
/// [Kingma and Ba 2015, arXiv 1412.6980, algorithm 1]
OptimizerPtr adam(double rate, double beta1 = 0.9, double beta2 = 0.999);
/// The natural gradient of MeanFieldNormalFamily, whose Fisher information is diag(e^{-2 r}, 2):
/// m += rate e^{2 r} g_m, r += rate g_r / 2, the move of r cut to [-1/2, 1/2] and that of m to two
/// deviations, so that a noisy gradient cannot throw q away. [Amari 1998, doi
/// 10.1162/089976698300017746]
OptimizerPtr natural_mean_field(double rate);
/// Distance over weighted gradients: r_t = max distance from the start, v += r^2 |g|^2, step
/// r^2 / sqrt v; nothing to tune. `radius` is the first r, relative to 1 + |lambda_0|.
/// [Khaled, Mishchenko, Jin 2023, arXiv 2305.16284, algorithm 1]
OptimizerPtr dowg(double radius = 1e-4);

}  // namespace vinci::infer
