#include "infer/checkpoint.h"

#include <algorithm>

namespace vinci::infer {

void Checkpoints::offer(Checkpoint c) {
  // An estimate in passing is off by about this; a start far below the best is not worth keeping.
  constexpr double kNoise = 0.1;
  constexpr double kShare = 20;
  if (!sink_ || !c.q || c.elbo < best_elbo_ - kNoise) return;
  if (c.elbo > best_elbo_) best_elbo_ = c.elbo;
  c.evaluations = objective_.evaluations();
  c.seconds = objective_.elapsed_seconds();
  sink_(c);
  const double now = objective_.elapsed_seconds();
  next_ = now + std::max(interval_, kShare * (now - c.seconds));
}

}  // namespace vinci::infer
