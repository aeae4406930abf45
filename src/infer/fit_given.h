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
  bool converged = false;
  bool cancelled = false;
  // See diagnose::Evidence.
  std::vector<std::string> symmetries;
  double log_equal_modes = 0;
  std::vector<double> image_modes;
};

/// k-hat, ELBO, evidence and verdict from draws of q, which are handed out as by `fit`: reweighted
/// where that helps.
FitResult fit_given(const LogDensity& density, const GivenFit& given, const FitOptions& options,
                    const Context& context = {});

}  // namespace vinci::infer
