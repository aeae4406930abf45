// The settings of a training run that are not those of a model.
#pragma once

#include "deep/core/config.h"

namespace vinci::deep {

/// Length, batches, binarisation, validation, clipping, seed; and those of optimizer.h and
/// schedule.h.
std::span<const Setting> training_settings();

}  // namespace vinci::deep
