#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <numeric>

#include "deep/core/functions.h"
#include "deep/evaluate.h"
#include "deep/models/code_prior.h"
#include "deep/models/quantiser.h"
#include "deep/train/settings.h"
#include "deep/train/train.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

using Values = std::vector<std::pair<const char*, const char*>>;

Config config_of(std::span<const Setting> settings, const Values& values) {
  Config config;
  config.declare(settings);
  for (const auto& [name, value] : values) config.set(name, value);
  return config;
}

struct QuantiserTest : testing::Test {
  std::unique_ptr<Quantiser> make(const Values& values) {
    Noise initial(1, NoiseStream::kInitial, 0);
    return make_quantiser(config_of(quantiser_settings(), values), parameters, initial);
  }
  Tensor buffer(const std::string& name) const {
    for (const Parameter& parameter : parameters.all())
      if (parameter.name == name) return parameter.value;
    return {};
  }
  Parameters parameters{at::kCPU};
  Noise noise{4, NoiseStream::kTraining, 0};
};

TEST_F(QuantiserTest, LecturesE6TakesTheNearestVectorAndPassesGradientsStraightThrough) {
  const auto vq = make({{"codes", "20"}, {"code-dimension", "3"}});
  Tensor vectors = noise.normal({200, 3}).set_requires_grad(true);
  const auto result = vq->quantise(vectors);
  const Tensor book = buffer("codebook");
  const Tensor distances = (vectors.unsqueeze(1) - book.unsqueeze(0)).square().sum(-1);
  EXPECT_TRUE(result.indices.equal(distances.argmin(1)));
  EXPECT_TRUE(result.values.allclose(book.index_select(0, result.indices)));
  // The loss is 0.25 |v - sg(e)|^2.
  EXPECT_TRUE(result.loss.allclose(0.25 * std::get<0>(distances.min(1)), 1e-4, 1e-6));
  const Tensor outer = noise.normal({200, 3});
  EXPECT_TRUE(gradients_of((result.values * outer).sum(), {vectors}, true)[0].equal(outer));
  const Tensor pull = gradients_of(result.loss.sum(), {vectors})[0];
  EXPECT_TRUE(pull.allclose(0.5 * (vectors - result.values).detach(), 1e-4, 1e-6));
  EXPECT_TRUE(vq->quantise(result.values.detach()).indices.equal(result.indices));
}

TEST_F(QuantiserTest, LecturesE6ByGradientTheCodebookIsPulledToItsVectors) {
  const auto vq = make({{"codes", "4"}, {"code-dimension", "2"}, {"codebook-update", "gradient"}});
  const Tensor vectors = noise.normal({30, 2});
  const auto result = vq->quantise(vectors);
  const Tensor book = parameters.trained().at(0);
  const Tensor gradient = gradients_of(result.loss.sum(), {book})[0];
  Tensor expected = at::zeros({4, 2});
  expected.index_add_(0, result.indices, 2 * (result.values - vectors).detach());
  EXPECT_TRUE(gradient.allclose(expected, 1e-4, 1e-5));
}

TEST_F(QuantiserTest, DeadCodesAreRestartedWhereVectorsAreAndMoveToTheirMeans) {
  const Tensor centres = at::stack(
      {at::arange(8).to(at::kFloat) * 3, at::arange(8).to(at::kFloat).mul(2).sin() * 4}, 1);
  for (const char* restart : {"0.03", "0"}) {
    parameters = Parameters(at::kCPU);
    const auto vq = make({{"codes", "32"},
                          {"code-dimension", "2"},
                          {"codebook-decay", "0.9"},
                          {"restart", restart}});
    // A codebook far from what comes later: one code is the nearest of all.
    vq->prepare(noise.normal({50, 2}) * 0.1 - 100, noise);
    for (int step = 0; step < 300; ++step) {
      const Tensor vectors = centres.repeat({20, 1}) + noise.normal({160, 2}) * 0.1;
      vq->update(vectors, vq->quantise(vectors).indices, noise);
    }
    const Tensor far = (vq->quantise(centres).values - centres).abs().amax(1);
    if (std::string(restart) == "0") {
      EXPECT_GT(far.max().item<double>(), 2);
    } else {
      EXPECT_LT(far.max().item<double>(), 0.3);
    }
  }
}

TEST_F(QuantiserTest, ScalarLevelsAreNumberedOnceEach) {
  const auto fsq = make({{"quantiser", "fsq"}, {"levels", "4,3,5"}});
  EXPECT_EQ(fsq->num_codes(), 60);
  const Tensor all = at::arange(60);
  const Tensor values = fsq->values(all);
  EXPECT_LE(values.abs().max().item<double>(), 1.0);
  // Vectors far and near reach every code, with the value of their index.
  Tensor vectors = (noise.normal({20000, 3}) * 1.5).set_requires_grad(true);
  const auto result = fsq->quantise(vectors);
  EXPECT_EQ(at::bincount(result.indices, {}, 60).gt(0).sum().item<int64_t>(), 60);
  EXPECT_EQ(result.indices.max().item<int64_t>(), 59);
  EXPECT_TRUE(result.values.allclose(fsq->values(result.indices), 1e-5, 1e-6));
  EXPECT_EQ(result.loss.abs().max().item<double>(), 0);
  EXPECT_GT(gradients_of(result.values.sum(), {vectors})[0].min().item<double>(), 0);
  EXPECT_THROW(make({{"quantiser", "fsq"}, {"levels", "1000,1000"}}), Error);
}

class CodePriorLaws : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<CodePrior> make(int64_t height, int64_t width, int64_t codes, bool moved) {
    const Config config = config_of(
        code_prior_settings(),
        {{"prior", GetParam()}, {"prior-width", "8"}, {"prior-layers", "3"}, {"prior-heads", "2"}});
    auto prior = make_code_prior(config, height, width, codes, parameters_, initial_);
    WithoutGradient scope;
    if (moved)
      for (Tensor value : parameters_.trained()) value.add_(initial_.normal(value.sizes()), 0.5);
    return prior;
  }
  Parameters parameters_{at::kCPU};
  Noise initial_{1, NoiseStream::kInitial, 0};
};

TEST_P(CodePriorLaws, StartsUniform) {
  const auto prior = make(3, 4, 5, false);
  const Tensor indices = at::remainder(at::arange(24).reshape({2, 12}), 5);
  EXPECT_TRUE(prior->log_density(indices).allclose(at::full({2}, -12 * std::log(5.0))));
}

// A later code changes no logits at earlier places nor at its own, and some of each kind behind it.
TEST_P(CodePriorLaws, SeesEarlierCodesOnly) {
  constexpr int64_t kHeight = 3, kWidth = 4, kPlaces = kHeight * kWidth;
  const auto prior = make(kHeight, kWidth, 5, true);
  WithoutGradient scope;
  const Tensor indices = at::remainder(at::arange(kPlaces) * 3, 5).unsqueeze(0);
  const Tensor before = prior->logits(indices);
  for (int64_t place = 0; place < kPlaces; ++place) {
    Tensor changed = indices.clone();
    changed[0][place] = (changed[0][place].item<int64_t>() + 1) % 5;
    const Tensor difference = (prior->logits(changed) - before).abs().amax(-1)[0];
    EXPECT_EQ(difference.slice(0, 0, place + 1).max().item<double>(), 0) << place;
    if (place + 1 < kPlaces) {
      EXPECT_GT(difference[place + 1].item<double>(), 1e-6) << place;
    }
    // The place below it, too.
    if (place + kWidth < kPlaces) {
      EXPECT_GT(difference[place + kWidth].item<double>(), 1e-6) << place;
    }
  }
}

TEST_P(CodePriorLaws, SumsToOneAndIsDrawnFrom) {
  const auto prior = make(2, 2, 2, true);
  WithoutGradient scope;
  Tensor all = at::zeros({16, 4}, at::kLong);
  for (int64_t i = 0; i < 16; ++i)
    for (int64_t d = 0; d < 4; ++d) all[i][d] = i >> d & 1;
  const Tensor p = prior->log_density(all).to(at::kDouble).exp();
  EXPECT_NEAR(p.sum().item<double>(), 1, 1e-5);
  Noise noise(9, NoiseStream::kSampling, 0);
  constexpr int64_t kDraws = 20000;
  const Tensor draws = prior->draw(kDraws, noise);
  const Tensor number = (draws * at::tensor({1, 2, 4, 8})).sum(1);
  const Tensor count = at::bincount(number, {}, 16).to(at::kDouble);
  const Tensor expected = p * static_cast<double>(kDraws);
  // Pearson's statistic with 15 degrees of freedom: 44.3 is passed once in ten thousand times.
  EXPECT_LT(((count - expected).square() / expected).sum().item<double>(), 44.3);
}

INSTANTIATE_TEST_SUITE_P(All, CodePriorLaws, testing::Values("pixelcnn", "transformer"));

/// 8 x 8 pictures: each quarter has one of four grey levels, 16 combinations in all.
dataset::ImageSet quarters(size_t count) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(count * 64);
  for (size_t i = 0; i < count; ++i)
    for (size_t p = 0; p < 64; ++p) {
      const size_t quarter = p / 8 / 4 * 2 + p % 8 / 4;
      const size_t level = (i + (quarter % 2) * (i / 4)) % 4;
      (*bytes)[i * 64 + p] = static_cast<uint8_t>(20 + 70 * level);
    }
  const uint8_t* first = bytes->data();
  return {{1, 8, 8}, {bytes, first, 64, count, dataset::PixelOrder::kPlanes}};
}

struct VqVaeTest : testing::Test {
  VqVaeTest() { at::set_num_threads(1); }
  TrainRequest request(Values values) {
    values.insert(values.begin(), {{"channels", "16"},
                                   {"residual-channels", "8"},
                                   {"residual-blocks", "1"},
                                   {"codes", "16"},
                                   {"code-dimension", "4"},
                                   {"prior-width", "16"},
                                   {"prior-layers", "2"},
                                   {"batch", "16"},
                                   {"learning-rate", "0.002"}});
    TrainRequest r;
    r.kind = "vqvae";
    std::vector<Setting> settings = model_kind("vqvae").settings;
    for (const Setting& setting : training_settings()) settings.push_back(setting);
    r.config = config_of(settings, values);
    r.training = &feed;
    return r;
  }
  Feed feed{quarters(160), Binarise::kNone, at::kCPU};
};

TEST_F(VqVaeTest, LearnsThePicturesAndTheirPrior) {
  for (const char* quantiser : {"vq", "fsq"}) {
    const TrainResult result =
        train(request({{"steps", "600"}, {"quantiser", quantiser}, {"levels", "4,4"}}), {});
    const CurveRow &first = result.curve.front(), &last = result.curve.back();
    EXPECT_GT(last.bound, first.bound + 100) << quantiser;
    const Evaluation e = evaluate(*result.model, feed, 1, 1, {});
    const auto figure = [&](const std::string& name) {
      for (const auto& [own, value] : e.figures)
        if (own == name) return value;
      ADD_FAILURE() << name;
      return 0.0;
    };
    EXPECT_LT(figure("squared error of a value"), 0.01) << quantiser;
    EXPECT_NEAR(figure("log p(codes), uniform prior"), -4 * std::log(16.0), 1e-4);
    // 16 pictures, with codes that may tell more than levels: a prior that has learned them needs
    // less than half of the nats of the uniform one.
    EXPECT_GT(figure("log p(codes), learned prior"), -2 * std::log(16.0)) << quantiser;
    EXPECT_NEAR(e.elbo, figure("log p(x | codes)") + figure("log p(codes), learned prior"), 1e-2);
    EXPECT_NEAR(e.kl, -figure("log p(codes), learned prior"), 1e-3);
    EXPECT_EQ(e.codes, 16);
    EXPECT_GE(e.codes_used, 4);
    EXPECT_LE(e.perplexity, static_cast<double>(e.codes_used) + 1e-6);
    // What is drawn from the prior are the pictures.
    Noise noise(1, NoiseStream::kSampling, 0), other(1, NoiseStream::kSampling, 0);
    const Tensor drawn = result.model->sample(20, noise);
    std::vector<uint32_t> rows(160);
    std::iota(rows.begin(), rows.end(), 0u);
    const Tensor data = feed.batch(rows, other).x;
    const Tensor distance =
        std::get<0>((drawn.unsqueeze(1) - data.unsqueeze(0)).square().mean(-1).min(1));
    EXPECT_LT(distance.median().item<double>(), 0.02) << quantiser;
  }
}

TEST_F(VqVaeTest, HoldsTheRestWhileThePriorIsTrainedAndResumesWithTheSameBits) {
  const Values values = {{"epochs", "4"}, {"prior-from", "2"}};
  const TrainResult whole = train(request(values), {});
  const TrainResult half = train(request({{"epochs", "2"}, {"prior-from", "2"}}), {});
  bool prior_moved = false;
  const auto &a = whole.model->parameters().all(), &b = half.model->parameters().all();
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i].value.equal(b[i].value);
    if (a[i].name.rfind("prior.", 0) == 0) {
      prior_moved = prior_moved || !same;
    } else {
      EXPECT_TRUE(same) << a[i].name;
    }
  }
  EXPECT_TRUE(prior_moved);
  EXPECT_GT(whole.curve[3].bound, whole.curve[1].bound);

  const std::string path = testing::TempDir() + "vqvae_test.checkpoint";
  std::atomic<bool> stop{false};
  Context context;
  context.cancel = &stop;
  int64_t calls = 0;
  context.on_progress = [&](const Progress&) { stop = ++calls == 13; };
  TrainRequest first = request(values);
  first.checkpoint = path;
  train(first, context);
  TrainRequest second = request(values);
  second.resume = read_model_file(path);
  const TrainResult rest = train(second, {});
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_TRUE(a[i].value.equal(rest.model->parameters().all()[i].value)) << a[i].name;
}

TEST_F(VqVaeTest, RefusesImagesThatDoNotDivideByFour) {
  Config config = request({}).config;
  DataShape shape;
  shape.width = 30;
  try {
    model_kind("vqvae").make({config, shape, 1, at::kCPU, kMaxParameters});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "The images are 28 x 30; vqvae takes images whose sides are multiples of 4.");
  }
}

}  // namespace
}  // namespace vinci::deep
