#include "deep/likelihoods/likelihood.h"

#include "base/check.h"

namespace vinci::deep {

std::span<const Setting> likelihood_settings() {
  static const std::vector<Setting> settings = {
      {.name = "likelihood",
       .value = std::string("bernoulli"),
       .help = "distribution of a pixel given the decoder's outputs",
       .choices = {"bernoulli", "gaussian", "logistic-mixture", "beta-binomial"}},
      {.name = "components",
       .value = int64_t{5},
       .help = "of the logistic mixture",
       .minimum = 1,
       .maximum = 100},
  };
  return settings;
}

std::vector<Setting> likelihood_settings(const std::string& likelihood) {
  std::vector<Setting> settings(likelihood_settings().begin(), likelihood_settings().end());
  settings.front().value = likelihood;
  return settings;
}

std::unique_ptr<Likelihood> make_likelihood(const Config& config, Parameters& parameters) {
  const std::string& name = config.text("likelihood");
  if (name == "bernoulli") return make_bernoulli();
  if (name == "gaussian") return make_gaussian(parameters);
  if (name == "logistic-mixture") return make_logistic_mixture(config.integer("components"));
  if (name == "beta-binomial") return make_beta_binomial();
  VINCI_CHECK(false);
}

}  // namespace vinci::deep
