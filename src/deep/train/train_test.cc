#include "deep/train/train.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "deep/core/functions.h"
#include "deep/evaluate.h"
#include "deep/train/schedule.h"
#include "deep/train/settings.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

/// 4 x 4 pictures of two kinds, bars across and bars down, with grey levels.
dataset::ImageSet bars(size_t count) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(count * 16);
  for (size_t i = 0; i < count; ++i)
    for (size_t p = 0; p < 16; ++p) {
      const size_t line = i % 2 == 0 ? p / 4 : p % 4;
      (*bytes)[i * 16 + p] = line % 2 == (i / 2) % 2 ? 230 : 20;
    }
  const uint8_t* first = bytes->data();
  return {{1, 4, 4}, {bytes, first, 16, count, dataset::PixelOrder::kPlanes}};
}

Config config_for(const std::string& kind,
                  const std::vector<std::pair<const char*, const char*>>& values) {
  Config config;
  config.declare(model_kind(kind).settings);
  config.declare(training_settings());
  for (const auto& [name, value] : values) config.set(name, value);
  return config;
}

class TrainTest : public testing::Test {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    folder_ =
        std::filesystem::temp_directory_path() / ("vinci_train_test_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  TrainRequest request(const std::vector<std::pair<const char*, const char*>>& values,
                       const std::string& kind = "vae") {
    TrainRequest r;
    r.kind = kind;
    auto all = values;
    all.insert(all.begin(), {{"latent", "2"}, {"hidden", "16"}, {"batch", "20"}});
    r.config = config_for(kind, all);
    r.training = &feed_;
    return r;
  }

  std::filesystem::path folder_;
  Feed feed_{bars(100), Binarise::kDynamic, at::kCPU};
};

std::vector<Tensor> values_of(const Model& model) {
  std::vector<Tensor> all;
  for (const Parameter& parameter : model.parameters().all()) all.push_back(parameter.value);
  return all;
}

TEST_F(TrainTest, TheBoundRisesToThatOfTheFourPictures) {
  const TrainResult result = train(request({{"steps", "1500"}, {"learning-rate", "0.01"}}), {});
  EXPECT_EQ(result.step, 1500);
  // Four equally likely pictures of 16 pixels, each with the entropy of a level of about 0.09.
  const double p = 230.0 / 255, q = 20.0 / 255;
  const auto entropy = [](double t) { return -t * std::log(t) - (1 - t) * std::log(1 - t); };
  const double evidence = -std::log(4.0) - 8 * (entropy(p) + entropy(q));
  const Evaluation e = evaluate(*result.model, feed_, 200, 1, {});
  EXPECT_LT(e.elbo, e.log_p);
  EXPECT_NEAR(e.log_p, evidence, 0.5);
  EXPECT_LT(result.curve.front().bound, result.curve.back().bound - 2);
  EXPECT_EQ(e.images, 100);
  ASSERT_FALSE(e.bounds.empty());
  EXPECT_NEAR(e.bounds.front().second, e.elbo, 5 * (e.elbo_error + 0.1));
}

TEST_F(TrainTest, ResumedRunsEndWithTheSameBits) {
  for (const char* optimizer : {"adam", "sgd"}) {
    const std::vector<std::pair<const char*, const char*>> values = {
        {"steps", "23"}, {"optimizer", optimizer}, {"schedule", "cosine"}, {"clip", "5"}};
    const TrainResult whole = train(request(values), {});

    std::atomic<bool> stop{false};
    Context context;
    context.cancel = &stop;
    int64_t calls = 0;
    context.on_progress = [&](const Progress&) { stop = ++calls == 9; };
    TrainRequest first = request(values);
    first.checkpoint = folder_ / "run.checkpoint";
    const TrainResult part = train(first, context);
    EXPECT_EQ(part.reason, StopReason::kCancelled);
    EXPECT_EQ(part.step, 9);

    TrainRequest second = request(values);
    second.resume = read_model_file(first.checkpoint);
    const TrainResult rest = train(second, {});
    EXPECT_EQ(rest.step, 23);
    const auto a = values_of(*whole.model), b = values_of(*rest.model);
    for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << optimizer << i;
    ASSERT_EQ(whole.curve.size(), rest.curve.size());
    for (size_t i = 0; i < whole.curve.size(); ++i)
      EXPECT_EQ(whole.curve[i].bound, rest.curve[i].bound);
  }
}

TEST_F(TrainTest, StopsEarlyWithTheBestModel) {
  const Feed held_out(bars(20), Binarise::kThreshold, at::kCPU);
  TrainRequest r = request({{"epochs", "500"}, {"patience", "3"}, {"learning-rate", "0.05"}});
  r.validation = &held_out;
  const TrainResult result = train(r, {});
  EXPECT_EQ(result.reason, StopReason::kEarly);
  double best = -1e9;
  for (const CurveRow& row : result.curve) best = std::max(best, row.validation);
  EXPECT_DOUBLE_EQ(mean_bound(*result.model, held_out, 1, 1), best);
  EXPECT_LT(result.curve.back().validation, best);
}

TEST_F(TrainTest, SkipsStepsThatAreNotFiniteAndGivesUpWhenTheyPersist) {
  TrainRequest r = request({{"steps", "2000"}, {"optimizer", "sgd"}, {"learning-rate", "100"}});
  r.checkpoint = folder_ / "run.checkpoint";
  r.checkpoint_steps = 1;
  try {
    train(r, {});
    FAIL() << "a rate of 100 was survived";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("not finite in 100 steps in a row"), std::string::npos)
        << error.what();
  }
  // What was there before is kept, and loads.
  const ModelFile file = read_model_file(r.checkpoint);
  EXPECT_NO_THROW(build_model(file, at::kCPU));
}

TEST_F(TrainTest, ImportanceWeightedTrainingRunsWithEveryGradient) {
  for (const char* bound : {"elbo", "elbo-stl", "iwae", "iwae-stl", "iwae-dreg"}) {
    const TrainResult result = train(
        request({{"steps", "300"}, {"bound", bound}, {"samples", "4"}, {"learning-rate", "0.01"}}),
        {});
    EXPECT_GT(result.curve.back().bound, result.curve.front().bound + 1) << bound;
  }
}

TEST(Schedule, StagesTripleAndFallToATenth) {
  const Config config = config_for("vae", {{"schedule", "stages"}, {"learning-rate", "1e-3"}});
  constexpr int64_t kTotal = 3280;
  EXPECT_DOUBLE_EQ(learning_rate(config, 0, kTotal, 1), 1e-3);
  EXPECT_NEAR(learning_rate(config, 1, kTotal, 1), 7.2e-4, 1e-12);
  EXPECT_NEAR(learning_rate(config, 4, kTotal, 1), 5.2e-4, 1e-12);
  EXPECT_NEAR(learning_rate(config, 1092, kTotal, 1), 1.4e-4, 1e-12);
  EXPECT_NEAR(learning_rate(config, 1093, kTotal, 1), 1e-4, 1e-12);
  EXPECT_NEAR(learning_rate(config, 3279, kTotal, 1), 1e-4, 1e-12);
}

TEST(Configuration, FaultsNameTheSettingTheFindingAndTheRule) {
  const auto message = [](const auto& act) {
    Config config = config_for("vae", {});
    try {
      act(config);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(message([](Config& c) { c.set("latnt", "3"); }),
            "There is no setting `latnt`; did you mean `latent`?");
  EXPECT_EQ(message([](Config& c) { c.set("latent", "0"); }),
            "`latent` is `0`; it is a whole number from 1 to 65536.");
  EXPECT_EQ(message([](Config& c) { c.set("learning-rate", "nan"); }),
            "`learning-rate` is `nan`; it is a number from 0 to 100.");
  EXPECT_EQ(message([](Config& c) { c.set("bound", "elb"); }),
            "`bound` is `elb`; it is one of elbo, elbo-stl, iwae, iwae-stl, iwae-dreg.");
  EXPECT_EQ(
      message([](Config& c) { c.set("hidden", "200,,200"); }),
      "`hidden` is `200,,200`; it is a list of whole numbers from 1 to 65536, such as 200,200.");
  EXPECT_EQ(message([](Config& c) { c.read_json("{\"batch\": 2.5}", "c.json"); }),
            "c.json: `batch` is `2.5`; it is a whole number from 1 to 1000000.");
  EXPECT_NE(message([](Config& c) { c.read_json("{", "c.json"); }).find("not well-formed JSON"),
            std::string::npos);
}

TEST(Configuration, JsonReadsBack) {
  Config config = config_for("vae", {{"hidden", "10,20"}, {"learning-rate", "0.002"}});
  Config again = config_for("vae", {});
  again.read_json(config.json(), "text");
  EXPECT_EQ(config.json(), again.json());
  EXPECT_EQ(again.integers("hidden"), (std::vector<int64_t>{10, 20}));
}

class ModelFileTest : public TrainTest {
 protected:
  std::string bytes() {
    const TrainRequest r = request({{"steps", "3"}});
    const TrainResult result = train(r, {});
    return model_file_bytes(file_of("vae", r.config, result.shape, *result.model));
  }
};

TEST_F(ModelFileTest, ReadsBackWhatWasWritten) {
  const std::string text = bytes();
  const ModelFile file = parse_model_file(text, "m");
  const auto model = build_model(file, at::kCPU);
  EXPECT_EQ(model_file_bytes(file_of(file.kind, config_of(file), file.shape, *model)), text);
}

TEST_F(ModelFileTest, FilesThatNameNoPosteriorHoldADiagonalNormal) {
  ModelFile file = parse_model_file(bytes(), "m");
  const auto model = build_model(file, at::kCPU);
  auto settings = nlohmann::ordered_json::parse(file.config);
  for (const char* name : {"posterior", "flow-steps", "flow-hidden", "flow-context"})
    ASSERT_EQ(settings.erase(name), 1u);
  file.config = settings.dump();
  const auto again = build_model(file, at::kCPU);
  Noise a(1, NoiseStream::kEvaluation, 0), b(1, NoiseStream::kEvaluation, 0);
  const Batch batch = feed_.range(0, 4, a);
  feed_.range(0, 4, b);
  EXPECT_TRUE(again->log_weights(batch, 3, a).equal(model->log_weights(batch, 3, b)));
}

TEST_F(ModelFileTest, EveryTruncationAndEveryChangedByteIsNoticed) {
  const std::string text = bytes();
  for (size_t length = 0; length < text.size(); length += 1 + length / 97)
    EXPECT_THROW(parse_model_file(text.substr(0, length), "m"), Error) << length;
  for (size_t at = 0; at < text.size(); at += 1 + at / 97) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    EXPECT_THROW(parse_model_file(changed, "m"), Error) << at;
  }
  EXPECT_THROW(parse_model_file(text + "x", "m"), Error);
}

}  // namespace
}  // namespace vinci::deep
