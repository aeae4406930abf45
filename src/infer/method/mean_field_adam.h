// A mean-field normal by stochastic gradient ascent, for dimensions where no dense covariance fits.
#pragma once

#include <limits>

#include "infer/checkpoint.h"
#include "infer/family/mean_field_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

struct MeanFieldAdamOptions {
  Index batch = 8;
  double rate = 0.1;         // first learning rate, in standard deviations per step
  double last_rate = 0.002;  // stops when the rate has been halved to this
  Index window = 50;         // steps between looks at the ELBO
  Index max_iterations = 20000;
  Checkpoints* checkpoints = nullptr;  // gets iterates of a long run; null: nobody does
};

struct MeanFieldAdamResult {
  MeanFieldNormal normal;
  double elbo = -std::numeric_limits<double>::infinity();  // over the last window
  Index iterations = 0;
  bool converged = false;
};

/// Adam on (m / s, log s) with sticking-the-landing gradients from antithetic pairs: s (g + u / s)
/// for the mean, u (s g + u) for log s. The rate is halved whenever the ELBO of a window does not
/// exceed that of the window before it by twice the standard error of the difference; the mean of
/// the iterates since the last halving is returned. O(D B) an iteration. [Kingma and Ba 2015;
/// Roeder, Wu, Duvenaud 2017; the schedule after Welandawe, Andersen, Vehtari, Huggins 2022, arXiv
/// 2203.15945, in simple form]
MeanFieldAdamResult mean_field_adam(Objective& objective, const MeanFieldNormal& start,
                                    const MeanFieldAdamOptions& options, numeric::RandomKey key);

}  // namespace vinci::infer
