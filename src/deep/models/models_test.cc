// The laws of models (model.h) on images so small that all of them can be listed.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "deep/core/functions.h"
#include "deep/models/model.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

using Values = std::vector<std::pair<const char*, const char*>>;

std::unique_ptr<Model> tiny(const std::string& kind, const Values& values,
                            DataShape shape = {1, 2, 2, 0, Tensor()}) {
  Config config;
  config.declare(model_kind(kind).settings);
  if (config.has("likelihood")) config.set("likelihood", "bernoulli");
  for (const auto& [name, value] : values) config.set(name, value);
  auto model = model_kind(kind).make({config, shape, 7, at::kCPU, kMaxParameters});
  // Away from the start, where outputs hardly depend on z.
  WithoutGradient scope;
  Noise noise(21, NoiseStream::kInitial, 1);
  for (const Parameter& parameter : model->parameters().all()) {
    if (!parameter.trained) continue;
    Tensor value = parameter.value;
    // q and the conditionals of latent variables stay about as wide as the prior: were q narrower,
    // its weights would have no variance.
    const bool is_decoder =
        parameter.name.rfind("decoder", 0) == 0 || parameter.name.rfind("outputs", 0) == 0;
    if (is_decoder)
      value.add_(noise.normal(value.sizes()), 0.4);
    else if (parameter.name.rfind("flow", 0) == 0)
      value.mul_(2).add_(noise.normal(value.sizes()), 0.05);  // gates nearer to 1
    else
      value.mul_(0.3).add_(noise.normal(value.sizes()), 0.05);
  }
  return model;
}

/// All images of four pixels, [16, 4].
Tensor all_images() {
  Tensor x = at::zeros({16, 4});
  for (int64_t i = 0; i < 16; ++i)
    for (int64_t d = 0; d < 4; ++d) x[i][d] = static_cast<float>(i >> d & 1);
  return x;
}

struct Kind {
  const char* name;
  Values values;
};

const Kind kKinds[] = {
    {"vae", {{"latent", "2"}, {"hidden", "5"}}},
    {"vae", {{"latent", "3"}, {"hidden", "5"}, {"posterior", "full"}}},
    {"iwae", {{"latent", "3"}, {"hidden", "5"}, {"posterior", "full"}, {"bound", "iwae-dreg"}}},
    {"vae", {{"latent", "3"}, {"hidden", "5"}, {"posterior", "flow"}, {"flow-hidden", "6"}}},
    {"iwae", {{"latent", "3"}, {"hidden", "5"}, {"posterior", "flow"}, {"flow-hidden", "6"}}},
    {"hvae", {{"latents", "3,2"}, {"hidden", "5"}, {"upper-hidden", "4"}}},
    {"hvae", {{"latents", "2"}, {"hidden", "5"}}},
    {"hvae", {{"latents", "3,2,2"}, {"hidden", "5"}, {"upper-hidden", "4"}}},
    {"rvae", {{"layers", "3"}, {"channels", "3"}, {"latent-channels", "1"}}},
    {"rvae", {{"layers", "2"}, {"channels", "3"}, {"latent-channels", "2"}, {"bound", "iwae"}}},
    {"sivae", {{"latent", "2"}, {"hidden", "5"}, {"mixing-noise", "3"}, {"inner", "3"}}},
    {"sivae", {{"latent", "2"}, {"hidden", "5"}, {"mixing-noise", "3"}, {"inner", "0"}}},
};

// E_q[exp(log_weight)] = p(x), and sum_x p(x) = 1.
TEST(LogWeights, AverageToADistributionOverImages) {
  at::set_num_threads(1);
  for (const Kind& kind : kKinds) {
    const auto model = tiny(kind.name, kind.values);
    Noise noise(3, NoiseStream::kEvaluation, 0);
    constexpr int64_t kDraws = 40000;
    const Tensor weights =
        model->log_weights({all_images(), {}}, kDraws, noise).to(at::kDouble).exp();
    const Tensor p = weights.mean(0), variance = weights.var(0) / static_cast<double>(kDraws);
    const double error = variance.sum().sqrt().item<double>();
    // An estimate whose error is small enough to say something.
    EXPECT_LT(error, 0.02) << kind.name;
    EXPECT_NEAR(p.sum().item<double>(), 1, 4.5 * error) << kind.name;
    // The mean of `kl` and of the fit make the ELBO: below log p everywhere.
    const Tensor elbo = weights.log().mean(0);
    EXPECT_TRUE(elbo.lt(p.log() + 0.05).all().item<bool>()) << kind.name;
    // L_k does not fall as k grows, on average over the images.
    double before = -1e9;
    for (const int64_t k : {1, 5, 50, 1000}) {
      const Tensor bounds = log_mean_exp(weights.log().reshape({k, kDraws / k, 16})).mean(-1);
      const double bound_error =
          bounds.std().item<double>() / std::sqrt(static_cast<double>(kDraws / k));
      EXPECT_GT(bounds.mean().item<double>(), before - 4 * bound_error) << kind.name << k;
      before = bounds.mean().item<double>();
    }
  }
}

// The gradients that training takes, along a direction, against differences of the loss.
TEST(Loss, GradientsAreThoseOfFiniteDifferences) {
  for (const Kind& kind : kKinds) {
    const auto model = tiny(kind.name, kind.values);
    const Batch batch = {all_images(), {}};
    const std::vector<Tensor>& all = model->parameters().trained();
    const auto loss = [&](StepResult* result) {
      Noise noise(3, NoiseStream::kTraining, 0);
      StepResult own;
      return model->loss(batch, noise, {}, result != nullptr ? *result : own);
    };
    // Sticking the landing and its kin do not differentiate the loss as it stands.
    const bool differentiates =
        std::none_of(kind.values.begin(), kind.values.end(),
                     [](const auto& entry) { return std::string(entry.second) == "iwae-dreg"; });
    if (!differentiates) continue;
    const auto value = [&] {
      StepResult result;
      loss(&result);
      return -result.bound;
    };
    const auto gradients = gradients_of(loss(nullptr), all);
    Noise noise(4, NoiseStream::kTraining, 1);
    std::vector<Tensor> direction;
    double expected = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      direction.push_back(noise.normal(all[i].sizes()));
      if (gradients[i].defined()) expected += (direction[i] * gradients[i]).sum().item<double>();
    }
    const auto moved = [&](double t) {
      WithoutGradient scope;
      for (size_t i = 0; i < all.size(); ++i) Tensor(all[i]).add_(direction[i], t);
      const double result = value();
      for (size_t i = 0; i < all.size(); ++i) Tensor(all[i]).sub_(direction[i], t);
      return result;
    };
    constexpr double kStep = 0.01;
    const double numeric =
        (8 * (moved(kStep) - moved(-kStep)) - (moved(2 * kStep) - moved(-2 * kStep))) /
        (12 * kStep);
    EXPECT_NEAR(numeric, expected, 3e-3 * (1 + std::abs(expected))) << kind.name;
  }
}

// While the weight of KL(q || p) rises, what is reported is the bound, not what is trained.
TEST(Warmup, LeavesTheReportedBoundAlone) {
  for (const Kind& kind : kKinds) {
    const auto model = tiny(kind.name, kind.values);
    const auto bound_at = [&](double kl_weight) {
      Noise noise(3, NoiseStream::kTraining, 0);
      StepContext context;
      context.kl_weight = kl_weight;
      StepResult result;
      const double loss = model->loss({all_images(), {}}, noise, context, result).item<double>();
      return std::make_pair(result.bound, loss);
    };
    // The vae takes KL in closed form for its plain ELBO at any weight.
    const auto half = bound_at(0.5), whole = bound_at(1);
    EXPECT_NEAR(half.first, whole.first, 1e-5) << kind.name;
    EXPECT_GT(std::abs(half.second - whole.second), 1e-4) << kind.name;
  }
}

TEST(Warmup, LeavesTheReportedBoundOfDiscreteVariablesAlone) {
  const auto model_bound = [](const char* bound) {
    const auto model = tiny("dvae", {{"units", "3"}, {"samples", "4"}, {"bound", bound}});
    const Batch batch = {all_images(), {}};
    const auto mean = [&](double kl_weight) {
      StepContext context;
      context.kl_weight = kl_weight;
      double sum = 0;
      for (uint64_t step = 0; step < 400; ++step) {
        Noise noise(3, NoiseStream::kTraining, step);
        sum += model->gradients(batch, noise, context).bound;
      }
      return sum / 400;
    };
    // The same draws tell the bound at any weight below 1, others that at 1.
    const double half = mean(0.5), whole = mean(1);
    EXPECT_EQ(mean(0.25), half) << bound;
    EXPECT_NEAR(half, whole, 0.02) << bound;
    return half;
  };
  EXPECT_LT(model_bound("elbo"), model_bound("iwae"));
}

TEST(LogWeights, OfAConditionalModelAverageToADistributionOfTheLowerRows) {
  const auto model = tiny("cvae", {{"latent", "2"}, {"hidden", "5"}});
  Noise noise(3, NoiseStream::kEvaluation, 0);
  const Tensor weights = model->log_weights({all_images(), {}}, 40000, noise).to(at::kDouble).exp();
  EXPECT_EQ(model->given_values(), 2);  // of four
  EXPECT_EQ(tiny("structured", {{"units", "2"}})->given_values(), 2);
  EXPECT_EQ(tiny("vae", {})->given_values(), 0);
  // Images are ordered so that the upper row varies first.
  const Tensor p = weights.mean(0).reshape({4, 4});  // [lower, upper]
  const Tensor error = (weights.var(0) / 40000.0).reshape({4, 4}).sum(0).sqrt();
  EXPECT_LT(error.max().item<double>(), 0.02);
  EXPECT_LT(((p.sum(0) - 1).abs() / error).max().item<double>(), 4.5);

  const Tensor again = model->reconstruct({all_images(), {}}, noise);
  EXPECT_TRUE(again.slice(1, 0, 2).equal(all_images().slice(1, 0, 2)));
  EXPECT_FALSE(again.slice(1, 2).equal(all_images().slice(1, 2)));
  EXPECT_THROW(model->sample(1, noise), Error);
}

/// Mean gradients of the parameters of q, and their standard errors, over batches of one image.
std::pair<Tensor, Tensor> inference_gradient(const Kind& kind, const char* bound, uint64_t seed) {
  Values values = kind.values;
  values.insert(values.end(), {{"bound", bound}, {"samples", "4"}});
  const auto model = tiny(kind.name, values);
  const Batch batch = {all_images().slice(0, 5, 6).expand({400, 4}).contiguous(), {}};
  std::vector<Tensor> all;
  for (uint64_t repeat = 0; repeat < 150; ++repeat) {
    Noise noise(seed, NoiseStream::kTraining, repeat);
    const StepResult result = model->gradients(batch, noise, {});
    std::vector<Tensor> flat;
    for (size_t i = 0; i < result.gradients.size(); ++i)
      if (model->parameters().trained_groups()[i] == ParameterGroup::kInference)
        flat.push_back(result.gradients[i].reshape({-1}));
    all.push_back(at::cat(flat));
  }
  const Tensor stacked = at::stack(all).to(at::kDouble);
  return {stacked.mean(0), stacked.std(0) / std::sqrt(150.0)};
}

double largest_z(const std::pair<Tensor, Tensor>& a, const std::pair<Tensor, Tensor>& b) {
  const Tensor error = (a.second.square() + b.second.square()).sqrt();
  return ((a.first - b.first).abs() / (error + 1e-12)).max().item<double>();
}

TEST(Gradients, OfTheUnbiasedBoundsAgree) {
  const Kind kinds[] = {
      {"hvae", {{"latents", "2,2"}, {"hidden", "3"}, {"upper-hidden", "3"}}},
      {"vae", {{"latent", "3"}, {"hidden", "3"}, {"posterior", "full"}}},
  };
  for (const Kind& kind : kinds) {
    // Some 50 parameters: |z| above 4.8 comes by chance once in ten thousand times.
    EXPECT_LT(
        largest_z(inference_gradient(kind, "elbo", 1), inference_gradient(kind, "elbo-stl", 2)),
        4.8)
        << kind.name;
    const auto plain = inference_gradient(kind, "iwae", 1);
    EXPECT_LT(largest_z(plain, inference_gradient(kind, "iwae-dreg", 2)), 4.8) << kind.name;
    EXPECT_GT(largest_z(plain, inference_gradient(kind, "iwae-stl", 3)), 8) << kind.name;
  }
}

TEST(Vae, RefusesBoundsThatItsPosteriorCannotServe) {
  for (const char* bound : {"elbo-stl", "iwae-stl", "iwae-dreg"}) {
    try {
      tiny("vae", {{"posterior", "flow"}, {"bound", bound}});
      FAIL() << bound;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("at its own draws only"), std::string::npos);
    }
  }
}

TEST(HierarchicalVae, FiguresAreTheDivergencesOfItsLayers) {
  const auto model = tiny("hvae", {{"latents", "3,2"}, {"hidden", "5"}, {"upper-hidden", "4"}});
  const Batch batch = {all_images(), {}};
  Noise a(1, NoiseStream::kEvaluation, 0), b(1, NoiseStream::kEvaluation, 0);
  const auto figures = model->figures(batch, a);
  ASSERT_EQ(figures.size(), 2u);
  EXPECT_TRUE((figures[0].second + figures[1].second).allclose(model->kl(batch, b)));
  EXPECT_EQ(model->encode(batch, a).sizes(), (std::vector<int64_t>{16, 2}));
}

const Values kTwoResolutions = {{"layers", "2,1"}, {"channels", "3"}, {"latent-channels", "2"}};
const DataShape kFourByFour = {1, 4, 4, 0, Tensor()};

// Weights of q's draws and densities at draws of the prior estimate the same p(x).
TEST(ResidualVae, WeightsAgreeWithDrawsOfThePriorOverTwoResolutions) {
  const auto model = tiny("rvae", kTwoResolutions, kFourByFour);
  Noise noise(3, NoiseStream::kEvaluation, 0);
  const Tensor x = noise.bernoulli(at::full({6, 16}, 0.5));
  constexpr int64_t kDraws = 20000;
  const Tensor weights = model->log_weights({x, {}}, kDraws, noise).to(at::kDouble).exp();
  const Tensor means = model->sample(kDraws, noise).to(at::kDouble);
  const Tensor y = x.to(at::kDouble).t();
  const Tensor log_masses = at::matmul(means.log(), y) + at::matmul((-means).log1p(), 1 - y);
  const Tensor masses = log_masses.exp();
  const Tensor error = ((weights.var(0) + masses.var(0)) / static_cast<double>(kDraws)).sqrt();
  const Tensor p = masses.mean(0);
  EXPECT_LT((error / p).max().item<double>(), 0.1);
  EXPECT_LT(((weights.mean(0) - p).abs() / error).max().item<double>(), 4.5);
}

// The bound whose KL is in closed form is the mean log weight.
TEST(ResidualVae, DivergencesInClosedFormAreThoseOfItsDraws) {
  Values values = kTwoResolutions;
  values.emplace_back("samples", "20000");
  const auto model = tiny("rvae", values, kFourByFour);
  Noise noise(3, NoiseStream::kEvaluation, 0);
  const Tensor x = noise.bernoulli(at::full({1, 16}, 0.5));
  StepResult result;
  {
    WithoutGradient scope;
    model->loss({x, {}}, noise, {}, result);
  }
  const Tensor weights = model->log_weights({x, {}}, 20000, noise).to(at::kDouble);
  const double error = weights.std().item<double>() / std::sqrt(20000.0);
  EXPECT_NEAR(result.bound, weights.mean().item<double>(), 6 * error);
  ASSERT_EQ(result.figures.size(), 3u);
  EXPECT_EQ(result.figures[0].first, "kl1");

  Noise a(1, NoiseStream::kEvaluation, 0), b(1, NoiseStream::kEvaluation, 0);
  Tensor sum = at::zeros({1});
  for (const auto& figure : model->figures({x, {}}, a)) {
    EXPECT_GE(figure.second.item<double>(), 0) << figure.first;
    sum = sum + figure.second;
  }
  EXPECT_TRUE(sum.allclose(model->kl({x, {}}, b)));
}

// Free bits change the loss, and what they cost is known where they exceed every KL.
TEST(ResidualVae, FreeBitsLeaveTheReportedBoundAlone) {
  const auto run = [](const char* free_bits) {
    Values values = kTwoResolutions;
    values.emplace_back("free-bits", free_bits);
    const auto model = tiny("rvae", values, kFourByFour);
    Noise noise(3, NoiseStream::kTraining, 0);
    const Tensor x = noise.bernoulli(at::full({6, 16}, 0.5));
    StepResult result;
    const double loss = model->loss({x, {}}, noise, {}, result).item<double>();
    double kl = 0;
    for (const auto& figure : result.figures) kl += figure.second;
    return std::make_tuple(result.bound, kl, loss);
  };
  const auto [bound, kl, loss] = run("0");
  EXPECT_NEAR(loss, -bound, 1e-4);
  const auto [free_bound, free_kl, free_loss] = run("50");
  EXPECT_EQ(free_bound, bound);
  EXPECT_EQ(free_kl, kl);
  // Six channels, three layers of two.
  EXPECT_NEAR(free_loss, 6 * 50.0 - (bound + kl), 1e-3);
}

TEST(ResidualVae, CodesOfAllLayersDecode) {
  const auto model = tiny("rvae", kTwoResolutions, kFourByFour);
  Noise noise(3, NoiseStream::kEvaluation, 0);
  const Tensor x = noise.bernoulli(at::full({6, 16}, 0.5));
  const Tensor code = model->encode({x, {}}, noise);
  EXPECT_EQ(code.sizes(), (std::vector<int64_t>{6, 2 * (1 + 2 * 4)}));
  const Tensor means = model->decode(code, noise);
  EXPECT_EQ(means.sizes(), x.sizes());
  // Every number of a code reaches the image.
  for (int64_t i = 0; i < code.size(1); ++i) {
    Tensor other = code.clone();
    other.select(1, i).add_(1);
    EXPECT_FALSE(model->decode(other, noise).equal(means)) << i;
  }
  EXPECT_FALSE(model->reconstruct({x, {}}, noise).equal(model->reconstruct({x, {}}, noise)));
}

TEST(ResidualVae, RefusesWhatItCannotBe) {
  const auto message = [](const Values& values, const DataShape& shape) {
    try {
      tiny("rvae", values, shape);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message({{"layers", "1,1,1"}}, kFourByFour).find("cannot be halved 3 times"),
            std::string::npos);
  EXPECT_NE(message({{"layers", ""}}, kFourByFour).find("`layers` is empty"), std::string::npos);
  EXPECT_NE(message({{"layers", "1"}, {"free-bits", "1"}, {"bound", "iwae"}}, kFourByFour)
                .find("`free-bits`"),
            std::string::npos);
}

// The surrogate bound does not fall as K grows, and stays below log p(x).
TEST(SemiImplicitVae, LecturesE3TheSurrogateBoundRisesWithTheInnerDraws) {
  const Batch batch = {all_images(), {}};
  double before = -1e9, first = 0;
  double evidence = 0;
  for (const char* inner : {"0", "1", "5", "25"}) {
    const auto model =
        tiny("sivae", {{"latent", "2"}, {"hidden", "5"}, {"mixing-noise", "3"}, {"inner", inner}});
    // Psi far from its mean: without other draws of it the bound is loose.
    for (const Parameter& parameter : model->parameters().all())
      if (parameter.name == "mixing.location.weight") {
        WithoutGradient scope;
        Tensor value = parameter.value;
        value.mul_(6);
      }
    std::vector<Tensor> pieces;
    // The inner draws are shared within a call: many calls.
    for (uint64_t call = 0; call < 400; ++call) {
      Noise noise(5, NoiseStream::kEvaluation, call);
      pieces.push_back(model->log_weights(batch, 50, noise).to(at::kDouble).mean(0));
      if (before == -1e9 && call == 0) {
        Noise more(6, NoiseStream::kEvaluation, 0);
        evidence = log_mean_exp(model->log_weights(batch, 40000, more).to(at::kDouble))
                       .mean()
                       .item<double>();
      }
    }
    const Tensor means = at::stack(pieces).mean(1);
    const double bound = means.mean().item<double>();
    const double error = means.std().item<double>() / 20;
    EXPECT_GT(bound, before - 4 * error) << inner;
    EXPECT_LT(bound, evidence + 4 * error) << inner;
    if (before == -1e9) first = bound;
    before = bound;
  }
  EXPECT_GT(before, first + 0.05);
}

// parameters of q fitted to each image lose nothing to those of a network.
TEST(AmortisationGap, LecturesE1IsPositiveAndVanishesWhereTheNetworkIsFree) {
  const auto model = tiny("vae", {{"latent", "2"}, {"hidden", "5"}});
  const Batch batch = {all_images(), {}};
  Noise noise(1, NoiseStream::kEvaluation, 0);
  const Tensor gap = model->amortisation_gap(batch, 300, noise);
  ASSERT_EQ(gap.numel(), 16);
  EXPECT_GT(gap.min().item<double>(), -0.02);
  EXPECT_GT(gap.mean().item<double>(), 0.1);
  // A single image, to which the network's own bias is free: after a training of q alone no gap is
  // left.
  const Batch one = {batch.x.slice(0, 5, 6).expand({50, 4}).contiguous(), {}};
  for (uint64_t step = 0; step < 1500; ++step) {
    Noise own(2, NoiseStream::kTraining, step);
    const StepResult result = model->gradients(one, own, {});
    WithoutGradient scope;
    const auto& groups = model->parameters().trained_groups();
    for (size_t i = 0; i < groups.size(); ++i) {
      Tensor value = model->parameters().trained()[i];
      if (groups[i] == ParameterGroup::kInference)
        value.sub_(result.gradients[i], 0.05 / (1 + static_cast<double>(step) / 300));
    }
  }
  const Tensor left = model->amortisation_gap({one.x.slice(0, 0, 1), {}}, 300, noise);
  EXPECT_NEAR(left.item<double>(), 0, 0.02);
}

}  // namespace
}  // namespace vinci::deep
