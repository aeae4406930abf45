// A factorised q by stochastic gradient ascent with pathwise gradients, implicit where the
// quantile has no closed form.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "infer/family/factorised.h"
#include "infer/family/mean_field_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

struct FactorisedAscentOptions {
  Index batch = 16;
  double rate = 0.1;         // first learning rate, in units of the Fisher metric
  double last_rate = 0.001;  // stops when the rate has been halved to this
  Index window = 50;         // steps between looks at the ELBO
  Index max_iterations = 20000;
};

struct FactorisedAscentResult {
  std::vector<double> lambda;
  double elbo = -std::numeric_limits<double>::infinity();  // over the last window
  Index iterations = 0;
  bool converged = false;
};

/// Adam in coordinates where every factor's Fisher information is the identity (F = L L': gradient
/// L^-1 g, step L'^-1 d), so that a rate means the same for a gamma of shape 1000 as for a normal;
/// sticking-the-landing gradients from antithetic pairs u, 1 - u. The schedule of rates and the
/// average of iterates are those of mean_field_adam. Points follow the gradient of log p. O(D B)
/// and the factors' own cost an iteration. [Roeder, Wu, Duvenaud 2017; Figurnov, Mohamed, Mnih
/// 2018, arXiv 1805.08498; Amari 1998 for the metric]
FactorisedAscentResult factorised_ascent(Objective& objective, const FactorisedFamily& family,
                                         std::vector<double> start,
                                         const FactorisedAscentOptions& options,
                                         numeric::RandomKey key);

/// Throws vinci::Error (kUsage) where coordinates are taken twice or do not exist, or where nothing
/// is left to be integrated out.
void validate_factors(const std::vector<FactorBlock>& factors, const std::vector<Index>& points,
                      Index dim);

struct FactorisedFit {
  std::shared_ptr<const Factorised> q;
  double elbo = -std::numeric_limits<double>::infinity();
  bool converged = false;
};

/// Fits the product of `factors`, of points at the coordinates `points`, and of normals of all
/// other coordinates, from `warm` (null: from deviations of 1 around `init` or 0). A path climbs
/// the joint density, which need not be bounded in what is learned, where the ELBO is: with points,
/// the warm and the other start run a few hundred steps each, and the higher one goes on.
FactorisedFit fit_factors(Objective& objective, const std::vector<FactorBlock>& factors,
                          const std::vector<Index>& points, const MeanFieldNormal* warm,
                          const std::vector<double>& init, numeric::RandomKey key);

}  // namespace vinci::infer
