// Training: minibatches of auto-encoding variational Bayes, with checkpoints from which a run goes
// on as if it had not stopped.
#pragma once

#include "deep/model_file.h"
#include "deep/train/feed.h"
#include "vinci/context.h"

namespace vinci::deep {

/// One epoch of a run.
struct CurveRow {
  int64_t epoch = 0;
  int64_t step = 0;
  double seconds = 0;        ///< of training, over all resumed runs
  double bound = 0;          ///< mean over the steps of the epoch, nats
  double validation = 0;     ///< the same bound on the validation images; NaN without
  double learning_rate = 0;  ///< of the last step
  int64_t skipped = 0;       ///< steps of the epoch whose gradient was not finite
  std::vector<std::pair<std::string, double>> figures;  ///< means of StepResult::figures
};

struct TrainRequest {
  std::string kind;
  Config config;  ///< of the kind and training_settings()
  const Feed* training = nullptr;
  const Feed* validation = nullptr;  ///< or null
  at::Device device = at::kCPU;
  std::string checkpoint;           ///< path; "": none are written
  double checkpoint_seconds = 60;   ///< between two
  int64_t checkpoint_steps = 0;     ///< if > 0, between two, instead of seconds
  std::optional<ModelFile> resume;  ///< a checkpoint to go on from
};

enum class StopReason : uint8_t { kDone, kEarly, kCancelled };

struct TrainResult {
  std::unique_ptr<Model> model;  ///< the best one where validation chooses, else the last
  DataShape shape;
  std::vector<CurveRow> curve;
  StopReason reason = StopReason::kDone;
  int64_t step = 0;
  int64_t skipped = 0;
  double seconds = 0;
};

/// Throws Error(kUsage) where the settings do not fit the data, Error(kInput) where the checkpoint
/// does not fit the settings, and Error(kInput) with the step and a hint where gradients stay
/// non-finite for kMaxSkipped steps in a row; the last checkpoint stays.
TrainResult train(const TrainRequest& request, const Context& context);

inline constexpr int64_t kMaxSkipped = 100;

/// `epoch,step,seconds,bound,...`: one line for each row.
std::string curve_csv(const std::vector<CurveRow>& curve);

/// Mean over the images of log (1/k) sum of k weights.
double mean_bound(Model& model, const Feed& feed, int64_t k, uint64_t seed);

/// What `binarise` = auto means for this configuration.
Binarise binarise_of(const Config& config);

}  // namespace vinci::deep
