#include "deep/likelihoods/likelihood.h"

#include "base/check.h"

namespace vinci::deep {

std::span<const Setting> likelihood_settings() {
  static const std::vector<Setting> settings = {
      {.name = "likelihood",
       .value = std::string("bernoulli"),
       .help = "distribution of a pixel given the decoder's outputs",
       .choices = {"bernoulli"}},
  };
  return settings;
}

std::unique_ptr<Likelihood> make_likelihood(const Config& config, Parameters& parameters) {
  (void)parameters;
  const std::string& name = config.text("likelihood");
  if (name == "bernoulli") return make_bernoulli();
  VINCI_CHECK(false);
}

}  // namespace vinci::deep
