// Judges a distribution that was fitted elsewhere, and hands it out like any other fit.
#pragma once

#include <string>
#include <vector>

#include "infer/fit.h"

namespace vinci::infer {

/// What is known of the fit that led to q.
struct GivenFit {
  FamilyPtr q;
  std::vector<Stage> stages;
  std::vector<FittedFactor> factors;
  double bound = 0;  // of q, exact, in nats; the ELBO by draws may be above it where q has
                     // auxiliary variables
  bool converged = false;
  bool cancelled = false;
  /// Estimated log mass of other optima relative to this one.
  std::vector<double> other_modes;
};

/// k-hat, ELBO, evidence and verdict from draws of q, which are handed out as by `fit`: reweighted
/// where that helps.
FitResult fit_given(const LogDensity& density, const GivenFit& given, const FitOptions& options,
                    const Context& context = {});

}  // namespace vinci::infer
