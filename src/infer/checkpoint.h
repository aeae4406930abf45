// Where a long fit stands: what an interrupted one goes on from.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "infer/family/family.h"
#include "infer/objective.h"

namespace vinci::infer {

/// The best approximation so far. Handed over from time to time while a fit runs.
struct Checkpoint {
  std::string stage;    // the one that is running, or has just ended
  Index iteration = 0;  // steps of that stage behind q; 0: where it does not count them
  FamilyPtr q;
  /// Estimated in passing, three standard errors taken off where it is of few draws: a lucky
  /// estimate must not keep better approximations out.
  double elbo = std::numeric_limits<double>::quiet_NaN();
  int64_t evaluations = 0;
  double seconds = 0;
};

using CheckpointSink = std::function<void(const Checkpoint&)>;

/// Hands the checkpoints of a run on, `interval` seconds apart or more: writing them takes at most
/// a twentieth of the time. Methods ask between steps whether one is due, and offer what they have.
class Checkpoints {
 public:
  /// An empty sink: none is ever due. `objective` must outlive the object.
  Checkpoints(const Objective& objective, CheckpointSink sink, double interval)
      : objective_(objective), sink_(std::move(sink)), interval_(interval), next_(interval) {}

  bool due() const { return sink_ && objective_.elapsed_seconds() >= next_; }
  /// Hands it on, evaluations and seconds filled in, unless a better one went before.
  void offer(Checkpoint c);

 private:
  const Objective& objective_;
  CheckpointSink sink_;
  double interval_;
  double next_;
  double best_elbo_ = -std::numeric_limits<double>::infinity();
};

}  // namespace vinci::infer
