// The learning rate over a run.
#pragma once

#include "deep/core/config.h"

namespace vinci::deep {

/// The settings `learning-rate`, `schedule`, `decay`, `warmup`.
std::span<const Setting> schedule_settings();

/// The learning rate at step `step` of `total`, `steps_per_epoch` > 0.
///   constant     learning-rate
///   exponential  learning-rate * decay^epoch
///   cosine       half a wave down to 0  [Loshchilov and Hutter 2016]
///   stages       eight stages of 1, 3, 9, ..., 2187 parts of the run, stage i at learning-rate *
///                10^(-i/7) rounded to a tenth of the last stage's  [Burda et al. 2015, sec. 5]
/// All rise linearly over the first `warmup` steps.
double learning_rate(const Config& config, int64_t step, int64_t total, int64_t steps_per_epoch);

}  // namespace vinci::deep
