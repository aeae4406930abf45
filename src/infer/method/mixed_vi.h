// Variational inference for densities of continuous and discrete coordinates: stochastic gradients,
// several starts, automatic stopping.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "infer/estimator/discrete/discrete_estimator.h"
#include "infer/family/mixed_family.h"
#include "infer/objective.h"

namespace vinci::infer {

/// How the logits of discrete coordinates get their gradients. kAuto: local expectations where they
/// cost at most 64 evaluations a draw, else the Rao-Blackwellised score.
enum class DiscreteMethod { kAuto, kLocal, kScore, kDisarm, kRelax, kConcrete };

/// The words of the command line: auto, local, score, disarm, relax, concrete. The parser throws
/// vinci::Error (kUsage) that lists them.
std::string_view to_string(DiscreteMethod method);
DiscreteMethod parse_discrete_method(std::string_view word);

/// The discrete coordinates of a density over [D + M], the last M rows of its points.
struct DiscreteOptions {
  std::vector<DiscreteStates> states;  // empty: there are none, and nothing below matters
  DiscreteMethod method = DiscreteMethod::kAuto;
  DiscreteBlankets blankets;
  /// The density at soft states, see concrete_estimator; null: there is none.
  std::shared_ptr<const LogDensity> relaxed;
  double concrete_temperature = 0.3;
};

/// The method in use: what kAuto stands for.
DiscreteMethod chosen_method(const DiscreteOptions& options);
/// Its estimator with `draws` draws. Throws vinci::Error (kUsage) where it does not serve the
/// coordinates, saying why.
EstimatorPtr estimator_of(const DiscreteOptions& options, const MixedFamily& family, Index draws);

struct MixedViOptions {
  DiscreteOptions discrete;
  Index starts = 4;    // at random: states that are alike must not stay alike
  Index trial = 200;   // iterations of each
  double radius = 1;   // of the means' starts
  double rate = 0.05;  // of Adam
  Index max_iterations = 20000;
};

struct MixedViResult {
  std::shared_ptr<const Mixed> q;
  double elbo = -std::numeric_limits<double>::infinity();  // in passing
  Index iterations = 0;
  bool converged = false;
  std::string estimator;  // its name
};

/// q: mean-field normals of the continuous coordinates (the first dim() - M) and a categorical
/// factor of each discrete one. Several starts are tried for a while; the one of the highest bound
/// goes on until stochastic_vi stops.
MixedViResult mixed_vi(Objective& objective, const MixedViOptions& options, numeric::RandomKey key);

}  // namespace vinci::infer
