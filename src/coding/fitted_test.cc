#include "coding/fitted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "numeric/random/random_stream.h"
#include "vinci/error.h"

namespace vinci::coding {
namespace {

double normal_bits(double v, double mean, double deviation) {
  const auto cdf = [&](double x) {
    return 0.5 * std::erfc(-(x - mean) / deviation / std::sqrt(2.0));
  };
  return -std::log2(cdf(v + 0.5) - cdf(v - 0.5));
}

TEST(FittedModel, IsTheMixtureOfTheFit) {
  // Two normals in units of 0.01, symbols of 1 and of 8 integers.
  FittedParameters fit;
  fit.weights = {0.3};
  fit.location = {-1.25, 3.5};
  fit.scale = {0.4, 1.1};
  for (const uint32_t shift : {0u, 1u}) {
    const ComponentModelPtr model =
        make_component_model(fitted_model(fit, {Column{-400, 1000u >> shift, shift}}, 0.01));
    EXPECT_EQ(model->components(), 2u);
    numeric::RandomStream random(1);
    double bits = 0;
    double expected = 0;
    for (int n = 0; n < 400; ++n) {
      const size_t k = random.uniform() < 0.3 ? 0 : 1;
      const double v = std::round(
          std::clamp(random.normal(fit.location[k], fit.scale[k]) / 0.01, -399.0, 598.0));
      const uint32_t symbol[] = {static_cast<uint32_t>((v + 400) / (1 << shift))};
      bits += model->evidence_bits(symbol) + shift;
      expected -= std::log2(0.3 * std::exp2(-normal_bits(v, -125, 40)) +
                            0.7 * std::exp2(-normal_bits(v, 350, 110)));
    }
    // 1000 symbols of 2^20 slots keep one each: 0.0014 bits; grids and steps the rest.
    EXPECT_NEAR(bits / 400, expected / 400, 0.003) << shift;
  }
}

TEST(FittedModel, IsTheChainOfTheFit) {
  FittedParameters fit;
  fit.weights = {0.5, 0.5};
  fit.transitions = {0.9, 0.1, 0.2, 0.8};
  fit.probability = {0.7, 0.2, 0.1, 0.1, 0.1, 0.8};
  const ComponentModelPtr model = make_component_model(fitted_model(fit, {Column{1, 3, 0}}, 1));
  EXPECT_EQ(model->name(), "hmm:2");
  const std::vector<uint32_t> x = {0, 0, 2};
  double p = 0;
  for (size_t a = 0; a < 2; ++a)
    for (size_t b = 0; b < 2; ++b)
      for (size_t c = 0; c < 2; ++c)
        p += 0.5 * fit.probability[a * 3] * fit.transitions[a * 2 + b] * fit.probability[b * 3] *
             fit.transitions[b * 2 + c] * fit.probability[c * 3 + 2];
  // Weights are on a grid of 1/16 of a nat.
  EXPECT_NEAR(model->evidence_bits(x), -std::log2(p), 0.1);
}

std::string message(const FittedParameters& fit, size_t columns) {
  try {
    fitted_model(fit, std::vector<Column>(columns, Column{0, 10, 0}), 1);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(FittedModel, SaysWhatDoesNotFit) {
  using ::testing::HasSubstr;
  EXPECT_THAT(message({{0.5, 0.6}, {}, {1, 2}, {1}, {}}, 1),
              HasSubstr("weights of the fit sum to 1.1"));
  EXPECT_THAT(message({{0.5, 0.5}, {}, {1, 2, 3}, {1}, {}}, 1),
              HasSubstr("3 locations; 2 components of 1 columns need 2"));
  EXPECT_THAT(message({{0.5, 0.5}, {}, {1, 2}, {1, -2}, {}}, 1), HasSubstr("scales are positive"));
  EXPECT_THAT(message({{0.5, 0.5}, {}, {1, 2}, {1, 1, 1}, {}}, 1), HasSubstr("3 scales"));
  EXPECT_THAT(message({{0.5, 0.5}, {1}, {1, 2}, {1}, {}}, 1), HasSubstr("need 4"));
  EXPECT_THAT(message({{0.5, 0.5}, {}, {}, {}, {0.5, 0.5, 1}}, 1), HasSubstr("3 probabilities"));
  EXPECT_THAT(message({{0.5, 0.5}, {}, {}, {}, {0.5, 0.5, 1, 0}}, 2), HasSubstr("one column"));
}

TEST(TabulatedModel, HasTheProbabilitiesOfItsTables) {
  const auto logs = [](std::vector<double> p) {
    for (double& x : p) x = std::log(x);
    return p;
  };
  const std::vector<double> initial = logs({0.25, 0.75}), move = logs({0.9, 0.1, 0.4, 0.6});
  const std::vector<std::vector<double>> emission = {logs({0.5, 0.3, 0.2, 0, 0.05, 0.95}),
                                                     logs({0.9, 0.1, 0.3, 0.7})};
  const std::vector<Column> columns = {{5, 3, 0}, {0, 2, 0}};
  const ComponentModelPtr chain =
      make_component_model(tabulated_model(initial, move, columns, emission));
  EXPECT_EQ(chain->name(), "hmm:2");
  const auto weight = [&](int z, uint32_t a, uint32_t b) {
    return std::exp(emission[0][z * 3 + a] + emission[1][z * 2 + b]);
  };
  double p = 0;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j)
      p += std::exp(initial[i] + move[2 * i + j]) * weight(i, 0, 1) * weight(j, 2, 0);
  const std::vector<uint32_t> rows = {0, 1, 2, 0};
  // Log weights in steps of 1/256: at most 1/512 nats each.
  EXPECT_NEAR(chain->evidence_bits(rows), -std::log2(p), 6.0 / 512 / std::log(2.0));
  // Kept as bytes, it is the same model.
  const ComponentModelPtr read = make_component_model(parse_model(chain->bytes()));
  EXPECT_EQ(read->fingerprint(), chain->fingerprint());
  const ComponentModelPtr mixture =
      make_component_model(tabulated_model(initial, {}, columns, emission));
  EXPECT_EQ(mixture->name(), "mixture:2");
  const double q = 0.25 * weight(0, 1, 1) + 0.75 * weight(1, 1, 1);
  EXPECT_NEAR(mixture->evidence_bits(std::vector<uint32_t>{1, 1}), -std::log2(q),
              3.0 / 512 / std::log(2.0));
}

}  // namespace
}  // namespace vinci::coding
