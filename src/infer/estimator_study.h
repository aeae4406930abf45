// Gradient estimators side by side at one q: bias, variance, time. The comparison that lectures
// draw by hand.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "infer/estimator/discrete/discrete_estimator.h"
#include "infer/estimator/estimator.h"
#include "vinci/context.h"

namespace vinci::infer {

struct EstimatorStudyOptions {
  Index draws = 16;                 // of q in one estimate
  Index estimates = 400;            // of each estimator
  Index reference_draws = 100'000;  // behind the gradient that biases are measured against
  Index bound_draws = 8;            // k of the importance-weighted bound
  uint64_t seed = 1;

  /// Throws vinci::Error (kUsage) naming the field and the rule.
  void validate() const;
};

struct EstimatorRow {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  std::string name;
  std::string objective;  // `ELBO` or `L_8`
  std::string obstacle;   // why it was left out; then the numbers are NaN
  /// |mean of the estimates - reference|, and what an unbiased estimator would show in root mean
  /// square, from the variance of both.
  double bias = kUnknown, bias_noise = kUnknown;
  double variance = kUnknown;          // trace of the covariance of one estimate
  double largest_variance = kUnknown;  // of one coordinate ...
  std::string largest_of;              // ... and which
  double evaluations = kUnknown;       // of the density in one estimate
  double seconds = kUnknown;           // for one estimate

  /// Trace of the covariance times evaluations: the variance that one evaluation buys.
  double variance_per_evaluation() const { return variance * evaluations; }
  /// The variance that one second buys.
  double variance_time() const { return variance * seconds; }
  bool measured() const { return obstacle.empty(); }
};

struct EstimatorStudy {
  std::string family;
  Index dim = 0, num_params = 0;  // of those that are looked at
  EstimatorStudyOptions options;
  double gradient_norm = 0;   // of the reference for the ELBO ...
  double gradient_error = 0;  // ... and its standard error, root of the trace
  std::vector<EstimatorRow> rows;
  bool cancelled = false;
};

/// Measures every estimator that applies to the family at lambda. `blanket` may be empty: without
/// it there is no Rao-Blackwellised row. References: the pathwise gradients with the least noise
/// (sticking the landing; DReG for L_k), or leave-one-out scores where nothing is reparameterised.
/// Times are the smallest over ten blocks of estimates, on the calling thread.
EstimatorStudy study_estimators(const LogDensity& density, const ParametricFamily& family,
                                std::span<const double> lambda, BlanketFunction blanket,
                                const EstimatorStudyOptions& options, const Context& context = {});

/// The same for the logits of discrete coordinates alone, with local expectations as the reference
/// (VIMCO for L_k). `relaxed` may be null: without it there is no Concrete row.
EstimatorStudy study_discrete_estimators(const LogDensity& density, const MixedFamily& family,
                                         std::span<const double> lambda,
                                         const DiscreteBlankets& blankets,
                                         const LogDensity* relaxed,
                                         const EstimatorStudyOptions& options,
                                         const Context& context = {});

/// A table, best variance per evaluation first, what was left out last.
std::string estimator_table(const EstimatorStudy& study);
/// One line for each estimator on a logarithmic axis of variance per evaluation.
std::string estimator_plot(const EstimatorStudy& study, bool unicode = true);
/// The same as a self-contained drawing, with variance x time beside it.
std::string estimator_svg(const EstimatorStudy& study);
std::string estimator_json(const EstimatorStudy& study);

}  // namespace vinci::infer
