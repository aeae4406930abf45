#include "infer/estimator/estimator.h"

#include <fmt/format.h>

#include <cmath>

#include "vinci/error.h"

namespace vinci::infer {

void EstimatorOptions::validate() const {
  if (draws < 1) {
    throw Error(Error::Kind::kUsage,
                fmt::format("draws is {}; an estimate takes at least one draw.", draws));
  }
  const auto not_negative = [](const char* name, double value) {
    if (value >= 0 && std::isfinite(value)) return;
    throw Error(Error::Kind::kUsage,
                fmt::format("{} is {}; it must be finite and not negative.", name, value));
  };
  not_negative("temperature", temperature);
  not_negative("entropy_weight", entropy_weight);
}

GradientEstimator::GradientEstimator(const EstimatorOptions& options) : options_(options) {
  options_.validate();
}

std::string GradientEstimator::obstacle(const ParametricFamily& family) const {
  if (options_.noise == NoiseKind::kIndependent) return "";
  if (!family.reparameterised()) return "the family's draws are not a function of noise";
  if (!family.has_normal_noise()) return "the family's noise is not normal";
  return "";
}

std::string GradientEstimator::with_noise(const std::string& base) const {
  switch (options_.noise) {
    case NoiseKind::kIndependent:
      return base;
    case NoiseKind::kAntithetic:
      return base + ", antithetic";
    case NoiseKind::kSobol:
      return base + ", Sobol";
  }
  return base;
}

}  // namespace vinci::infer
