// What the parts of a fit share: options, budget, starts, the result as it grows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "infer/checkpoint.h"
#include "infer/family/full_rank_normal.h"
#include "infer/family/mean_field_normal.h"
#include "infer/fit.h"
#include "infer/judgement.h"
#include "infer/method/centring.h"
#include "infer/method/pathfinder.h"
#include "infer/objective.h"
#include "infer/parallel_log_density.h"
#include "model/recentrable.h"
#include "numeric/parallel/thread_pool.h"
#include "numeric/random/philox.h"

namespace vinci::infer {

/// What a method leaves to be judged.
struct Candidate {
  FamilyPtr q;  // null: the method failed
  // What q is made of, where the rungs can build on it, best first; and its weights.
  std::vector<FullRankNormal> normals;
  std::vector<double> weights;
  bool may_recentre = false;  // where there are none: a sparse normal in other coordinates may do
  double gap = std::numeric_limits<double>::quiet_NaN();
  bool converged = true;
  bool adapted = false;  // fitted to importance-weighted draws
  Index modes_covered = 1;
  std::vector<double> other_modes;  // log mass relative to q, of what q does not cover
};

// Up to here a sparse normal is written out in full for what builds on it.
inline constexpr Index kMaxDenseEscalationDim = 500;

/// One fit from its options to its result. The best normal (best_normal.h), the methods that are
/// asked for by name (named_methods.h) and the rungs above them (rungs.h) are handed it in turn.
struct FitRun {
  /// All three must outlive the object. The clock of the budget starts here.
  FitRun(const LogDensity& density, const FitOptions& fit_options, const Context& fit_context);

  Index dim() const { return result.dim; }
  numeric::RandomKey key(uint32_t stream) const { return {options.seed, stream}; }

  /// Ends a stage: its time and evaluations go into the result, its name and ELBO to whoever
  /// listens.
  void stage(const std::string& name, double elbo);
  /// The same for stages that know no ELBO.
  void stage(const std::string& name) { stage(name, std::numeric_limits<double>::quiet_NaN()); }

  /// Runs the paths; `best` < 0 where none got anywhere.
  const PathfinderResult& start();
  const PathfinderPath& best_path() const { return starts.paths[static_cast<size_t>(starts.best)]; }
  /// Marginals of the best path, or of the start that was given if that leads.
  MeanFieldNormal product_to_start();

  /// Keeps back the time to judge q, now that it is known what an evaluation costs.
  void keep_time_to_judge();
  /// Judges draws of q, as many as the options and the dimension ask for.
  Judgement judge(const Family& q, uint32_t stream);
  /// Every ELBO bounds the evidence: the highest is reported, whichever approximation the draws
  /// come from. (One made wider for the sake of its importance weights has a lower bound and better
  /// draws.)
  void note_bound(const diagnose::Estimate& elbo) {
    if (!(elbo.value <= result.elbo.value)) result.elbo = elbo;
  }

  const FitOptions& options;
  const Context& context;
  numeric::ThreadPool pool;
  const model::Recentrable* recentrable;  // null: no sites to offer
  CurrentCoordinates coordinates;
  ParallelLogDensity parallel;
  Objective objective;
  double gap_tolerance;
  Checkpoints checkpoints;
  PathfinderResult starts;
  FitResult result;

 private:
  void starts_from_given();
  Index judge_count() const;
  /// Draws that are judged whatever the budget says.
  Index least_judged() const { return std::max<Index>(options.draws, 1000); }

  int64_t staged_evaluations_ = 0;
  double staged_seconds_ = 0;
};

}  // namespace vinci::infer
