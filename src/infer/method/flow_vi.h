// Normalising flows by stochastic gradient ascent of the ELBO, from a full-rank normal.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "infer/family/coupling_flow.h"
#include "infer/objective.h"

namespace vinci::infer {

struct FlowViOptions {
  FlowShape shape;
  Index batch = 256;                         // draws of an iteration, in antithetic pairs
  std::vector<double> rates = {4e-3, 1e-3};  // first learning rates that are tried
  Index trial = 200;                         // iterations of each trial
  double last_rate = 1e-4;                   // stops when the rate has been halved below this
  Index window = 100;                        // iterations between looks at the ELBO
  Index max_iterations = 6000;
  double clip = 10;  // gradients longer than this many running medians are cut to that
  numeric::ThreadPool* pool = nullptr;  // for the flow's own work; the density has its own
};

struct FlowViResult {
  FamilyPtr q;  // null where nothing better than the start was found
  /// log p - log q of the start and of q on the same noise, and the standard error of the
  /// difference.
  double start_elbo = -std::numeric_limits<double>::infinity();
  double elbo = -std::numeric_limits<double>::infinity();
  double gain_error = std::numeric_limits<double>::infinity();
  Index iterations = 0;    // trials included
  double rate = 0;         // the first rate that was chosen
  bool converged = false;  // the ELBO had stopped rising at the last rate
  int64_t nonfinite = 0;
  int64_t clipped = 0;  // iterations
};

/// Adam on the networks' parameters of a CouplingFlow around `start`, with path-derivative
/// ("sticking the landing") gradients. The rates are tried for a few iterations each, from the same
/// start on the same noise, and the best goes on. It is halved whenever the ELBO of a window does
/// not exceed that of the window before by twice the standard error of the difference; the average
/// of the iterates since the last halving is returned, or the last iterate where that is better on
/// common noise. Draws without finite density are left out of gradients. Nothing is returned unless
/// the ELBO has risen by two standard errors. An iteration costs about 4 batch products with all
/// networks. [Agrawal, Sheldon, Domke 2020, arXiv 2006.10343; Kingma and Ba 2015; schedule as in
/// mean_field_adam]
FlowViResult flow_vi(Objective& objective, const FullRankNormal& start,
                     const FlowViOptions& options, numeric::RandomKey key);

/// The ladder's call: a flow of the kind that does best per evaluation (bench/README.md), within a
/// budget of further evaluations and seconds.
FlowViResult escalate_flow(Objective& objective, const FullRankNormal& start, const Budget& budget,
                           numeric::RandomKey key, numeric::ThreadPool* pool = nullptr);

}  // namespace vinci::infer
