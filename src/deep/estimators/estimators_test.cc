// Estimators against the exact gradient, by enumeration of all states of small models with random
// weights. One call on a batch that repeats an image is as many independent estimates; the standard
// error comes from many calls.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "deep/core/functions.h"
#include "deep/estimators/concrete.h"
#include "deep/estimators/estimator.h"
#include "deep/estimators/exact.h"
#include "deep/estimators/lax.h"
#include "deep/estimators/rebar.h"
#include "deep/models/discrete_model.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;

/// A small model of 2 x 2 images with weights twice as large as training starts from, and biases.
struct Small {
  Config config;
  std::unique_ptr<Model> model;
  DiscreteModel* network = nullptr;
  std::vector<Tensor> parameters;
  Tensor x;

  explicit Small(uint64_t seed, const Values& values, const std::string& kind = "dvae") {
    config.declare(model_kind(kind).settings);
    for (const auto& [name, value] : values) config.set(name, value);
    DataShape shape;
    shape.height = shape.width = 2;
    model = model_kind(kind).make({config, shape, seed});
    network = dynamic_cast<DiscreteModel*>(model.get());
    parameters = network->network_parameters();
    WithoutGradient scope;
    Noise noise(seed, NoiseStream::kInitial, 99);
    for (Tensor& p : parameters) p.mul_(2).add_(noise.normal(p.sizes()) * 0.3);
    x = at::tensor({1.0f, 0.0f, 1.0f, 1.0f, 0.0f, 0.0f, 1.0f, 0.0f}).view({2, 4});
  }
};

Tensor flat(const std::vector<Tensor>& gradients, const std::vector<Tensor>& parameters) {
  std::vector<Tensor> all;
  for (size_t i = 0; i < parameters.size(); ++i)
    all.push_back(gradients[i].defined() ? gradients[i].reshape({-1})
                                         : at::zeros({parameters[i].numel()}));
  return at::cat(all).to(at::kDouble);
}

struct Moments {
  Tensor mean, error;   // of the gradient
  double variance = 0;  // of one estimate, over all coordinates
  double bound = 0, bound_error = 0;
  int64_t evaluations = 0;
};

constexpr int64_t kRepeats = 64;

Moments moments_of(Estimator& estimator, const Small& small, int64_t calls, uint64_t seed,
                   Parameters* surrogate = nullptr) {
  const Tensor x = small.x.repeat({kRepeats, 1});
  std::vector<Tensor> all;
  std::vector<double> bounds;
  Moments result;
  for (int64_t c = 0; c < calls; ++c) {
    Noise noise(seed, NoiseStream::kTraining, static_cast<uint64_t>(c));
    const Estimate e = estimator.estimate(*small.network, x, small.parameters, noise);
    all.push_back(flat(e.gradients, small.parameters));
    bounds.push_back(e.bound.mean().item<double>());
    result.evaluations = e.evaluations;
    // NVIL divides by a running deviation above 1: held at 1, it is unbiased.
    if (surrogate == nullptr) continue;
    for (const Parameter& p : surrogate->all()) {
      Tensor value = p.value;
      if (p.name == "estimator.variance") value.zero_();
    }
  }
  const Tensor stacked = at::stack(all);
  const double root = std::sqrt(static_cast<double>(calls));
  result.mean = stacked.mean(0);
  result.error = stacked.std(0) / root;
  result.variance = stacked.var(0).sum().item<double>() * static_cast<double>(kRepeats);
  const Tensor values = at::tensor(bounds, at::kDouble);
  result.bound = values.mean().item<double>();
  result.bound_error = values.std().item<double>() / root;
  return result;
}

std::unique_ptr<Estimator> estimator_of(const Small& small, Parameters& surrogate,
                                        uint64_t seed = 5) {
  Noise initial(seed, NoiseStream::kInitial, 1);
  return make_estimator({small.config, *small.network, surrogate, initial});
}

/// Largest distance in standard errors; what rounding to floats explains does not count.
double largest_z(const Moments& m, const Tensor& exact) {
  const double rounding = 2e-6 * (1 + exact.abs().max().item<double>());
  return (((m.mean - exact).abs() - rounding).clamp_min(0) / (m.error + 1e-12))
      .max()
      .item<double>();
}

const EstimatorKind& kind_of(const std::string& name) {
  for (const EstimatorKind& kind : estimator_kinds())
    if (kind.name == name) return kind;
  throw std::logic_error(name);
}

class EveryEstimator : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { at::set_num_threads(1); }
};

// With 80 calls, 6 standard errors are exceeded with probability 6e-8: at 10 cases of some 150
// coordinates for each of 13 estimators, in one of 800 runs of all.
constexpr int64_t kCalls = 80;
constexpr double kLimit = 6;

TEST_P(EveryEstimator, MeanIsTheExactGradient) {
  const EstimatorKind& kind = kind_of(GetParam());
  if (!kind.unbiased) GTEST_SKIP() << "biased";
  struct Case {
    const char *kind, *layers, *units, *states, *bound, *nonlinear;
  };
  const Case cases[] = {{"dvae", "1", "5", "2", "elbo", "false"},
                        {"dvae", "2", "3", "2", "elbo", "true"},
                        {"dvae", "3", "2", "2", "elbo", "false"},
                        {"dvae", "1", "2", "3", "elbo", "false"},
                        {"dvae", "2", "2", "3", "elbo", "false"},
                        {"dvae", "1", "4", "2", "iwae", "false"},
                        {"dvae", "2", "2", "2", "iwae", "false"},
                        {"dvae", "1", "2", "3", "iwae", "false"},
                        {"structured", "2", "4", "2", "elbo", "false"},
                        {"structured", "2", "2", "2", "iwae", "false"}};
  uint64_t seed = 1;
  int ran = 0;
  for (const Case& c : cases) {
    ++seed;
    const bool iwae = std::string(c.bound) == "iwae";
    if (iwae ? !kind.serves_iwae : !kind.serves_elbo) continue;
    if (std::string(c.states) != "2" && !kind.serves_categorical) continue;
    ++ran;
    // With two draws ARMS is DisARM.
    const int64_t least = kind.name == "arms" ? 4 : kind.least_samples;
    const std::string samples = std::to_string(std::max<int64_t>(iwae ? 3 : 2, least));
    const Small small(seed,
                      {{"estimator", kind.name},
                       {"layers", c.layers},
                       {"units", c.units},
                       {"states", c.states},
                       {"bound", c.bound},
                       {"samples", samples},
                       {"nonlinear", c.nonlinear},
                       {"hidden", "3"},
                       {"surrogate-hidden", "6"}},
                      c.kind);
    const Estimate exact =
        exact_gradient(*small.network, small.x, iwae ? std::stoll(samples) : 1, small.parameters);
    Parameters surrogate(at::kCPU);
    const auto estimator = estimator_of(small, surrogate);
    const Moments m = moments_of(*estimator, small, kCalls, seed, &surrogate);
    const std::string what =
        std::string(c.layers) + " layers of " + c.units + ", " + c.states + " states, " + c.bound;
    EXPECT_LT(largest_z(m, flat(exact.gradients, small.parameters)), kLimit) << what;
    EXPECT_LT(std::abs(m.bound - exact.bound.mean().item<double>()), 5 * m.bound_error + 1e-5)
        << what;
  }
  EXPECT_GT(ran, 1);
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const EstimatorKind& kind : estimator_kinds()) names.push_back(kind.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Discrete, EveryEstimator, testing::ValuesIn(all_names()),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

double variance_of(const std::string& name, const std::string& samples, uint64_t seed,
                   int64_t calls = 200) {
  const Small small(
      seed, {{"estimator", name}, {"units", "5"}, {"samples", samples}, {"surrogate-hidden", "6"}});
  Parameters surrogate(at::kCPU);
  const Moments m = moments_of(*estimator_of(small, surrogate), small, calls, seed);
  EXPECT_EQ(m.evaluations, std::stoll(samples)) << name;
  return m.variance;
}

// At equal evaluations of f.  [Dong, Mnih, Tucker 2020, sec. 3.2; Dimitriev and Zhou 2021, sec. 4]
TEST(Disarm, IsLessNoisyThanTheScoreFunctionWithOtherDrawsAsBaseline) {
  at::set_num_threads(1);
  for (const uint64_t seed : {1, 2, 3, 4})
    EXPECT_LT(variance_of("disarm", "2", seed), 0.95 * variance_of("reinforce-loo", "2", seed))
        << seed;
}

TEST(Arms, IsLessNoisyThanIndependentDrawsAndWithTwoDrawsIsDisarm) {
  at::set_num_threads(1);
  for (const uint64_t seed : {1, 2}) {
    EXPECT_LT(variance_of("arms", "4", seed), 0.95 * variance_of("reinforce-loo", "4", seed));
    // The relative error of a variance from 200 calls is sqrt(2 / 200) at most.
    EXPECT_NEAR(variance_of("arms", "2", seed) / variance_of("disarm", "2", seed), 1, 0.4);
  }
}

TEST(StraightThrough, IsBiased) {
  at::set_num_threads(1);
  const Small small(2, {{"estimator", "straight-through"}, {"units", "5"}});
  Parameters surrogate(at::kCPU);
  const Moments m = moments_of(*estimator_of(small, surrogate), small, kCalls, 1);
  const Estimate exact = exact_gradient(*small.network, small.x, 1, small.parameters);
  EXPECT_GT(largest_z(m, flat(exact.gradients, small.parameters)), 20);
}

// The bias falls with the temperature, and the variance rises: what the temperature trades.
TEST(GumbelSoftmax, LecturesE4BiasFallsAndVarianceRisesAsTheTemperatureFalls) {
  at::set_num_threads(1);
  double bias_before = 1e9, variance_before = 0;
  for (const char* temperature : {"1", "0.3", "0.1"}) {
    const Small small(
        2, {{"estimator", "gumbel-softmax"}, {"units", "4"}, {"temperature", temperature}});
    const Estimate exact = exact_gradient(*small.network, small.x, 1, small.parameters);
    Parameters surrogate(at::kCPU);
    const Moments m = moments_of(*estimator_of(small, surrogate), small, 400, 1);
    const Tensor off = m.mean - flat(exact.gradients, small.parameters);
    const double bias = std::sqrt(off.square().sum().item<double>());
    EXPECT_LT(bias, 0.6 * bias_before) << temperature;
    EXPECT_GT(m.variance, variance_before) << temperature;
    bias_before = bias;
    variance_before = m.variance;
  }
}

// Surrogates minimise the mean square of the estimate.
TEST(LearnedControlVariates, LowerTheVariance) {
  at::set_num_threads(1);
  for (const char* name : {"nvil", "rebar", "relax", "double-cv"}) {
    const Small small(7, {{"estimator", name}, {"units", "5"}, {"surrogate-hidden", "16"}});
    Parameters surrogate(at::kCPU);
    const auto estimator = estimator_of(small, surrogate);
    if (std::string(name) != "nvil") {
      WithoutGradient scope;
      // Coefficients far off.
      for (const Parameter& p : surrogate.all()) {
        Tensor value = p.value;
        if (p.name == "eta" || p.name == "coefficients") value.fill_(2.5);
      }
    }
    const double before = moments_of(*estimator, small, 60, 1).variance;
    const Tensor x = small.x.repeat({50, 1});
    for (uint64_t step = 0; step < 200; ++step) {
      Noise noise(2, NoiseStream::kTraining, step);
      const Estimate e = estimator->estimate(*small.network, x, small.parameters, noise);
      ASSERT_EQ(e.surrogate_gradients.size(), surrogate.trained().size());
      WithoutGradient scope;
      for (size_t i = 0; i < e.surrogate_gradients.size(); ++i) {
        Tensor p = surrogate.trained()[i];
        if (e.surrogate_gradients[i].defined()) p.sub_(e.surrogate_gradients[i], 0.02);
      }
    }
    EXPECT_LT(moments_of(*estimator, small, 60, 1).variance, 0.8 * before) << name;
  }
}

TEST(ConditionalDraw, LecturesE5GivesTheStateItIsGivenAndStaysFinite) {
  Noise noise(1, NoiseStream::kTraining, 0);
  for (const int64_t states : {2, 4}) {
    const Units units{3, states};
    const Tensor logits = noise.normal({1, 500, units.width()}) * 30;
    const Tensor b = draw(units, mean_of(units, logits * 0), noise.uniform({1, 500, 3}));
    const ConditionalDraw given =
        conditional_draw(units, logits, b, noise.uniform({1, 500, units.width()}));
    EXPECT_TRUE(given.z.isfinite().all().item<bool>());
    EXPECT_TRUE(given.own.isfinite().all().item<bool>());
    if (states == 2) {
      EXPECT_TRUE(given.z.ge(0).to(at::kFloat).equal(b));
    } else {
      EXPECT_TRUE(given.z.unflatten(-1, {3, states})
                      .argmax(-1)
                      .equal(b.unflatten(-1, {3, states}).argmax(-1)));
    }
  }
}

/// Integral over the log ratios of three states of the Concrete density where `inside`.
double concrete_integral(const Tensor& logits, double temperature,
                         const std::function<Tensor(const Tensor&)>& inside) {
  constexpr int64_t kSide = 401;
  const double range = 32 / temperature, step = 2 * range / (kSide - 1);
  const Tensor axis = at::linspace(-range, range, kSide, at::kDouble);
  const Tensor a =
      at::stack({axis.unsqueeze(1).expand({kSide, kSide}), axis.unsqueeze(0).expand({kSide, kSide}),
                 at::zeros({kSide, kSide}, at::kDouble)},
                -1);
  const Tensor y = a.log_softmax(-1);
  const Tensor density = concrete_log_density(y, logits, temperature).exp();
  return (density * inside(y).to(at::kDouble)).sum().item<double>() * step * step;
}

// P(x_k largest) = alpha_k / sum alpha at every temperature; mass in the corners as it falls.
// [Maddison, Mnih, Teh 2017, proposition 1]
TEST(Concrete, LecturesE4ProbabilitiesOfTheLargestDoNotDependOnTheTemperature) {
  const Tensor logits = at::tensor({0.3, -0.8, 1.1}, at::kDouble);
  const Tensor p = logits.softmax(-1);
  double corners = 0;
  for (const double temperature : {2.0, 0.5, 0.05}) {
    EXPECT_NEAR(concrete_integral(logits, temperature,
                                  [](const Tensor& y) { return y.select(-1, 0).lt(1); }),
                1, 1e-6);
    for (int64_t k = 0; k < 3; ++k)
      EXPECT_NEAR(concrete_integral(logits, temperature,
                                    [k](const Tensor& y) { return y.argmax(-1).eq(k); }),
                  p[k].item<double>(), 0.02);  // the boundary is cut in squares
    const double now = concrete_integral(
        logits, temperature, [](const Tensor& y) { return y.amax(-1).gt(std::log(0.99)); });
    EXPECT_GT(now, corners);
    corners = now;
  }
  EXPECT_GT(corners, 0.8);
}

// [proposition 1 (d)]: log-convex where temperature <= 1 / (n - 1), so that no mode is inside.
TEST(Concrete, LecturesE4DensityIsLogConvexAtLowTemperaturesOnly) {
  Noise noise(1, NoiseStream::kTraining, 0);
  const Tensor logits = at::tensor({0.3, -0.8, 1.1}, at::kDouble);
  const Tensor x = (noise.normal({2, 5000, 3}).to(at::kDouble) * 1.5).softmax(-1);
  const auto log_density = [&](const Tensor& at_x, double temperature) {
    return concrete_log_density(at_x.log(), logits, temperature) - at_x.log().sum(-1);
  };
  const auto largest_excess = [&](double temperature) {
    const Tensor middle = log_density((x[0] + x[1]) / 2, temperature);
    const Tensor ends = (log_density(x[0], temperature) + log_density(x[1], temperature)) / 2;
    return (middle - ends).max().item<double>();
  };
  EXPECT_LT(largest_excess(0.5), 1e-9);
  EXPECT_LT(largest_excess(0.2), 1e-9);
  EXPECT_GT(largest_excess(2), 0.1);
}

TEST(Concrete, BinaryDensityIntegratesToOneAndStaysFinite) {
  for (const double temperature : {0.1, 0.7, 3.0}) {
    const double step = 0.01 / temperature;
    const Tensor y = at::arange(-40 / temperature, 40 / temperature, step, at::kDouble);
    const Tensor density =
        binary_concrete_log_density(y, at::tensor({0.7}, at::kDouble), temperature).exp();
    EXPECT_NEAR(density.sum().item<double>() * step, 1, 1e-6);
  }
  const Tensor far = binary_concrete_log_density(at::tensor({3e4f, -3e4f}), at::zeros({1}), 0.1);
  EXPECT_TRUE(far.isfinite().all().item<bool>());
}

TEST(StructuredPrediction, PredictsTheLowerHalf) {
  const Small small(3, {{"units", "3"}, {"samples", "2"}}, "structured");
  Noise noise(1, NoiseStream::kEvaluation, 0);
  // Sums to one over the lower half, whatever the upper one is.
  const Tensor all = at::tensor({1.0f, 0.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f, 1.0f,  //
                                 1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 1.0f})
                         .view({4, 4});
  EXPECT_NEAR(exact_log_evidence(*small.network, all).exp().sum().item<double>(), 1, 1e-5);
  const Tensor picture = small.model->reconstruct({small.x, {}}, noise);
  EXPECT_TRUE(picture.slice(1, 0, 2).equal(small.x.slice(1, 0, 2)));
  EXPECT_EQ(small.model->decode(small.model->encode({small.x, {}}, noise), noise).sizes(),
            small.x.sizes());
  EXPECT_THROW(small.model->sample(3, noise), Error);
}

// E_q[f] by enumeration is what log_weights average to, E_q[exp f] is p(x), and L_k does not
// decrease.
TEST(DiscreteVae, BoundsRiseFromTheElboToTheEvidence) {
  at::set_num_threads(1);
  for (const char* layers : {"1", "2", "3"}) {
    const Small small(3, {{"layers", layers}, {"units", "2"}});
    double before = -1e9;
    for (const int64_t k : {1, 2, 3, 4}) {
      if (std::pow(state_count(*small.network), static_cast<double>(k)) > kMaxStates) break;
      const double bound =
          exact_gradient(*small.network, small.x, k, small.parameters).bound.mean().item<double>();
      EXPECT_GT(bound, before) << k;
      before = bound;
    }
    Noise noise(1, NoiseStream::kEvaluation, 0);
    const Tensor w = small.model->log_weights({small.x, {}}, 40000, noise).to(at::kDouble);
    const double elbo =
        exact_gradient(*small.network, small.x, 1, small.parameters).bound.mean().item<double>();
    EXPECT_NEAR(w.mean().item<double>(), elbo, 5 * w.std().item<double>() / std::sqrt(2.0 * 40000));
    const Tensor evidence = exact_log_evidence(*small.network, small.x);
    EXPECT_GT(evidence.mean().item<double>(), before);
    const Tensor error = w.exp().std(0) / std::sqrt(40000.0);
    EXPECT_LT(((w.exp().mean(0) - evidence.exp()).abs() / error).max().item<double>(), 5);
  }
}

TEST(DiscreteVae, ProbabilitiesOfAllImagesSumToOne) {
  for (const char* states : {"2", "3"}) {
    const Small small(
        4, {{"layers", "2"}, {"units", "2"}, {"states", states}, {"estimator", "reinforce"}});
    std::vector<float> bits;
    for (int image = 0; image < 16; ++image)
      for (int d = 0; d < 4; ++d) bits.push_back(static_cast<float>(image >> d & 1));
    const Tensor p =
        exact_log_evidence(*small.network, at::tensor(bits).view({16, 4})).to(at::kDouble).exp();
    EXPECT_NEAR(p.sum().item<double>(), 1, 1e-5) << states;
  }
}

TEST(DiscreteVae, DivergenceInClosedFormIsThatOfTheStates) {
  for (const char* states : {"2", "3"}) {
    const Small small(6, {{"units", "3"}, {"states", states}, {"estimator", "reinforce"}});
    Noise noise(1, NoiseStream::kEvaluation, 0);
    const Batch batch{small.x, {}};
    WithoutGradient scope;
    const Chain chain = draw_chains(*small.network, small.x, 200000, noise);
    const Tensor prior = small.parameters.back();
    const Units& units = small.network->layers()[0];
    const Tensor ratio = (log_mass(units, chain.logits[0], chain.values[0]) -
                          log_mass(units, prior, chain.values[0]))
                             .to(at::kDouble);
    const double error = ratio.std().item<double>() / std::sqrt(200000.0);
    EXPECT_LT((ratio.mean(0) - small.model->kl(batch, noise)).abs().max().item<double>(),
              5 * error);
  }
}

TEST(Estimators, RefuseWhatTheyDoNotServe) {
  const auto message = [](const Values& values) {
    try {
      Small small(1, values);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(message({{"estimator", "reinforce-loo"}, {"samples", "1"}}),
            "`samples` is 1; the estimator `reinforce-loo` takes at least 2.");
  EXPECT_EQ(message({{"estimator", "disarm"}, {"states", "3"}}),
            "The estimator `disarm` is for binary units; these have 3 states.");
  EXPECT_NE(message({{"estimator", "reinforce"}, {"bound", "iwae"}}).find("does not serve"),
            std::string::npos);
}

// f(z) = sum (z - 1)^2 has the gradients 2 (mean - 1) and 2 scale^2; unbiased for any surrogate,
// and with f itself the pathwise gradient.
TEST(Lax, LecturesE5IsUnbiasedForAnySurrogateAndPathwiseForTheBest) {
  at::set_num_threads(1);
  const Tensor mean = at::tensor({0.3f, -1.2f}).unsqueeze(0);
  const Tensor log_scale = at::tensor({-0.5f, 0.4f}).unsqueeze(0);
  const auto f = [](const Tensor& z) { return (z - 1).square().sum(-1); };
  Tensor weight = at::tensor({0.7f, -0.4f}).set_requires_grad(true);
  const auto odd = [&](const Tensor& z) { return (z * weight).sin().sum(-1) * 3; };
  Noise noise(1, NoiseStream::kTraining, 0);
  const Tensor eps = noise.normal({200000, 1, 2});
  for (const bool best : {false, true}) {
    const LaxGradient g = best ? lax_gradient(mean, log_scale, eps, f, f)
                               : lax_gradient(mean, log_scale, eps, f, odd);
    const auto z_of = [](const Tensor& draws, const Tensor& exact) {
      const Tensor error = draws.to(at::kDouble).std(0) / std::sqrt(200000.0);
      return ((draws.to(at::kDouble).mean(0) - exact).abs() / error).max().item<double>();
    };
    EXPECT_LT(z_of(g.mean, 2 * (mean - 1)), 5);
    EXPECT_LT(z_of(g.log_scale, 2 * (2 * log_scale).exp()), 5);
    if (best) {
      const Tensor z = mean + log_scale.exp() * eps;
      EXPECT_TRUE(g.mean.allclose(2 * (z - 1), 1e-4, 1e-4));
      continue;
    }
    // The gradient of the mean square, by central differences.
    const Tensor slope = gradients_of(g.square, {weight})[0];
    double square[2];
    for (int side = 0; side < 2; ++side) {
      const Tensor moved = weight.detach() + at::tensor({side == 0 ? 1e-2f : -1e-2f, 0.0f});
      square[side] = lax_gradient(mean, log_scale, eps, f, [&](const Tensor& y) {
                       return (y * moved).sin().sum(-1) * 3;
                     }).square.item<double>();
    }
    EXPECT_NEAR(slope[0].item<double>(), (square[0] - square[1]) / 2e-2,
                2e-2 * std::abs(slope[0].item<double>()) + 1e-3);
  }
}

}  // namespace
}  // namespace vinci::deep
