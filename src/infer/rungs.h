// What a fit climbs where the best normal does not do: the rungs, cheapest first.
#pragma once

#include <memory>

#include "infer/fit_run.h"
#include "infer/method/centring.h"
#include "infer/method/smc.h"
#include "model/recentrable.h"

namespace vinci::infer {

/// Importance weights will do up to here, with room for the error of k-hat itself.
inline constexpr double kReliableKhat = 0.65;
inline constexpr double kGoodKhat = 0.5;

/// The rungs of one fit. Each judges draws of its own and is kept only where it is better than what
/// was there before: the result is never worse.
class Rungs {
 public:
  /// `run` must outlive the object.
  explicit Rungs(FitRun& run) : run_(run) {}

  /// Learned centring, sinh-arcsinh warps, wider tails, a real-NVP flow, a mixture fitted to
  /// weighted draws, sequential Monte Carlo, until k-hat is good. `candidate` has its normals, `j`
  /// is the judgement of its q. Both may end up in learned coordinates, as run.objective does; so
  /// is all that looks at them until to_original().
  void climb(Candidate& candidate, Judgement& j);

  /// Particles that are to be handed out as the draws; count = 0 where there are none.
  const SmcResult& sampled() const { return sampled_; }

  /// Back to the density's own coordinates.
  void to_original(Candidate& candidate, Judgement& j);

 private:
  void recentre(Candidate& candidate, Judgement& j);
  void warp(Candidate& candidate, Judgement& j);
  void widen_tails(Candidate& candidate, Judgement& j);
  void flow(Candidate& candidate, Judgement& j);
  void adapt(Candidate& candidate, Judgement& j);
  void sample(Candidate& candidate, Judgement& j);
  bool worth_sampling(const Judgement& j) const;

  FitRun& run_;
  SmcResult sampled_;
  std::shared_ptr<const model::Recentred> recentred_;  // the coordinates that were settled on ...
  std::unique_ptr<CurrentCoordinates::Scope> recentred_scope_;  // ... null: the density's own
};

}  // namespace vinci::infer
