#include "deep/train/settings.h"

#include "deep/core/optimizer.h"
#include "deep/train/schedule.h"

namespace vinci::deep {

std::span<const Setting> training_settings() {
  static const std::vector<Setting> settings = [] {
    std::vector<Setting> all = {
        {.name = "epochs",
         .value = int64_t{50},
         .help = "times through the training data",
         .minimum = 0,
         .maximum = 1e9},
        {.name = "steps",
         .value = int64_t{0},
         .help = "steps of the optimiser in place of epochs; 0: as epochs say",
         .minimum = 0,
         .maximum = 1e12},
        {.name = "batch",
         .value = int64_t{100},
         .help = "images of a step",
         .minimum = 1,
         .maximum = 1e6},
        {.name = "binarise",
         .value = std::string("auto"),
         .help = "grey levels to black and white: drawn at each use, drawn once, at the middle, or "
                 "not; auto: dynamic where the likelihood is Bernoulli",
         .choices = {"auto", "dynamic", "static", "threshold", "none"}},
        {.name = "validation",
         .value = int64_t{0},
         .help = "images at the end of the training images that are kept for validation",
         .minimum = 0,
         .maximum = 4294967295.0},
        {.name = "patience",
         .value = int64_t{0},
         .help =
             "stop after so many epochs without a better validation bound, and keep the best; 0: "
             "never",
         .minimum = 0,
         .maximum = 1e9},
        {.name = "clip",
         .value = 0.0,
         .help = "largest norm of a gradient, longer ones are shortened; 0: none",
         .minimum = 0,
         .maximum = 1e12},
        {.name = "kl-warmup",
         .value = int64_t{0},
         .help = "epochs over which the weight of KL(q || prior) rises from 0 to 1",
         .minimum = 0,
         .maximum = 1e9},
        {.name = "seed", .value = int64_t{1}, .help = "of all random numbers", .minimum = 0},
    };
    for (const Setting& setting : schedule_settings()) all.push_back(setting);
    for (const Setting& setting : optimizer_settings()) all.push_back(setting);
    return all;
  }();
  return settings;
}

}  // namespace vinci::deep
