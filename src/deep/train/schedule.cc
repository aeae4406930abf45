#include "deep/train/schedule.h"

#include <cmath>
#include <numbers>

namespace vinci::deep {

std::span<const Setting> schedule_settings() {
  static const std::vector<Setting> settings = {
      {.name = "learning-rate",
       .value = 1e-3,
       .help = "size of a step",
       .minimum = 0,
       .maximum = 100},
      {.name = "schedule",
       .value = std::string("constant"),
       .help =
           "of the learning rate over the run; stages: eight, each three times as long as the one "
           "before, down to a tenth",
       .choices = {"constant", "exponential", "cosine", "stages"}},
      {.name = "decay",
       .value = 0.99,
       .help = "schedule exponential: factor an epoch",
       .minimum = 0,
       .maximum = 1},
      {.name = "warmup",
       .value = int64_t{0},
       .help = "steps over which the learning rate rises to its first value",
       .minimum = 0},
  };
  return settings;
}

double learning_rate(const Config& config, int64_t step, int64_t total, int64_t steps_per_epoch) {
  double rate = config.number("learning-rate");
  const std::string& schedule = config.text("schedule");
  const double done = static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, total));
  if (schedule == "exponential") {
    rate *= std::pow(config.number("decay"),
                     std::floor(static_cast<double>(step) / static_cast<double>(steps_per_epoch)));
  } else if (schedule == "cosine") {
    rate *= 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, done)));
  } else if (schedule == "stages") {
    constexpr double kParts = 3280;  // 1 + 3 + ... + 2187
    double end = 0, length = 1;
    int stage = 0;
    while (stage < 7 && done * kParts >= end + length) {
      end += length;
      length *= 3;
      ++stage;
    }
    rate *= std::round(10 * std::pow(10, 1 - stage / 7.0)) / 100;
  }
  const int64_t warmup = config.integer("warmup");
  if (step < warmup) rate *= static_cast<double>(step + 1) / static_cast<double>(warmup);
  return rate;
}

}  // namespace vinci::deep
