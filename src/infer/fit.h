// One call from a log density to draws and a verdict on them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/verdict.h"
#include "infer/checkpoint.h"
#include "infer/family/factorised.h"
#include "infer/family/family.h"
#include "infer/method/mixed_vi.h"
#include "vinci/context.h"
#include "vinci/log_density.h"

namespace vinci::infer {

enum class Method {
  kAuto,
  kPathfinder,
  kBatchAndMatch,
  kPatchedBatchAndMatch,
  kGaussianScoreMatching,
  kNaturalGradient,
  kMeanField,
  kDeterministicAdvi,
  kRaabbvi,
  kAdvi,
  kLaplace,
  kSemiImplicit,
  kKernelSemiImplicit,
  kCavi,  // coordinate ascent: of programs only (api/conjugate_fit.h)
};
enum class FamilyChoice { kAuto, kMeanField, kFullRank, kSparse, kSinhArcsinh, kFlow, kSpline };

/// The words of the command line: auto, pathfinder, bam, pbam, gsm, natural-gradient, mean-field,
/// dadvi, raabbvi, advi, laplace, semi-implicit, kernel-semi-implicit, cavi; auto, mean-field,
/// full-rank, sparse, sinh-arcsinh, flow (also: real-nvp), spline. The parsers throw vinci::Error
/// (kUsage) that lists the words.
std::string_view to_string(Method method);
std::string_view to_string(FamilyChoice family);
Method parse_method(std::string_view word);
FamilyChoice parse_family(std::string_view word);

struct FitOptions {
  uint64_t seed = 1;
  int threads = 0;  // 0: as many as the machine has
  Index draws = 4000;
  Method method = Method::kAuto;
  FamilyChoice family = FamilyChoice::kAuto;
  /// Factors for coordinates that they suit, and coordinates that are learned as points. Where
  /// either is given, q is their product with normals of the other coordinates.
  std::vector<FactorBlock> factors;
  std::vector<Index> points;
  /// Discrete coordinates: the last rows of the density's points. With them q is a mixed family.
  DiscreteOptions discrete;
  Index num_paths = 8;
  double init_radius = 2;
  std::vector<double> init;  // unconstrained point where path 0 starts; empty: at random
  double budget_seconds = 60;
  int64_t budget_evaluations = 20'000'000;
  double gap_tolerance = 0;        // nats; 0: max(0.01, 0.001 D)
  Index judge_draws = 0;           // drawn from q for the diagnosis; 0: chosen, at least `draws`
  Index max_full_rank_dim = 1000;  // larger dimensions get a family without a dense covariance
  Index later_evaluations = 0;     // that the caller makes with the result: time is kept for them
  bool resample = true;            // hand out importance-resampled draws where that helps
  bool escalate = true;            // go on to richer approximations where a normal does not do
  FamilyPtr start;                 // of an earlier fit: where to begin if it leads; null: none
  CheckpointSink on_checkpoint;    // gets the best so far while the fit runs ...
  double checkpoint_seconds = 10;  // ... so often

  /// Throws vinci::Error (kUsage) naming the field and the rule.
  void validate(Index dim) const;
};

struct Stage {
  std::string name;
  int64_t evaluations = 0;
  double seconds = 0;
  double elbo = std::numeric_limits<double>::quiet_NaN();  // after the stage, estimated in passing
};

struct FitResult {
  Index dim = 0;
  Index num_draws = 0;
  std::vector<double> draws;        // [num_draws][D], unconstrained
  std::vector<double> log_density;  // [num_draws]
  std::vector<double> log_q;        // [num_draws]
  bool resampled = false;           // importance-resampled to the posterior, not plain draws of q
  bool sampled = false;             // by sequential Monte Carlo from q

  std::string family;                 // what q is, for a person
  FamilyPtr approximation;            // q itself; null where the fit failed
  std::vector<FittedFactor> factors;  // of q, where factors were asked for
  std::vector<Stage> stages;
  int64_t evaluations = 0;            // of the log density, in lanes
  int64_t nonfinite_evaluations = 0;  // of them, without a finite density
  double seconds = 0;

  double khat = std::numeric_limits<double>::quiet_NaN();
  double khat_threshold = 0.7;
  double ess = 0;  // of the importance weights of `num_judged` draws
  Index num_judged = 0;
  diagnose::Estimate elbo;          // the highest bound of the approximations that were judged
  diagnose::Estimate log_evidence;  // trust it where khat <= khat_threshold
  double gap = std::numeric_limits<double>::quiet_NaN();
  bool converged = false;
  bool cancelled = false;
  bool budget_spent = false;
  Index num_paths = 0;
  Index num_failed_paths = 0;
  diagnose::Verdict verdict;
};

/// Fits q to `density` and judges it. The automatic ladder: multi-path Pathfinder; batch-and-match
/// from its best path and from N(0, I); square-root natural gradient on the better of them until
/// the estimated gap closes; fits from paths that ended elsewhere; richer families where k-hat asks
/// for them; importance resampling of the draws. Same seed and options: same bits, whatever the
/// number of threads (unless the time budget runs out). Never throws for what the density does: a
/// density that is nowhere finite gives a result without draws whose verdict says so. Throws
/// vinci::Error (kUsage) for options out of range.
FitResult fit(const LogDensity& density, const FitOptions& options, const Context& context = {});

}  // namespace vinci::infer
