#include "coding/network_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "coding/codec.h"
#include "coding/testing/network_file.h"
#include "numeric/random/random_stream.h"
#include "numeric/simd/target.h"
#include "vinci/error.h"

namespace vinci::coding {
namespace {

using numeric::RandomStream;
using ::testing::HasSubstr;

void add_layer(dataset::TensorFile& file, RandomStream& random, const std::string& name,
               int64_t inputs, int64_t outputs, double gain = 1) {
  std::vector<float> weight(static_cast<size_t>(inputs * outputs));
  for (float& w : weight)
    w = static_cast<float>(gain * random.normal() / std::sqrt(static_cast<double>(inputs)));
  std::vector<float> bias(static_cast<size_t>(outputs));
  for (float& b : bias) b = static_cast<float>(0.2 * random.normal());
  testing::add_layer(file, name, weight, bias);
}

struct Likelihood {
  const char* name;
  int64_t outputs;
  int64_t levels;
};
constexpr Likelihood kLikelihoods[] = {
    {"bernoulli", 1, 2}, {"beta-binomial", 2, 256}, {"logistic-mixture", 6, 256}};

/// A vae of 5 x 7 pixels with random numbers.
dataset::TensorFile random_vae(RandomStream& random, const Likelihood& likelihood,
                               int64_t latent = 4, bool full = false) {
  dataset::TensorFile file;
  file.kind = "vae";
  file.config = std::string(full ? R"({"posterior": "full", "latent": )" : R"({"latent": )") +
                std::to_string(latent) +
                R"(, "hidden": [9, 8], "activation": "tanh", "components": 2, "likelihood": ")" +
                likelihood.name + "\"}";
  file.shape = {1, 5, 7, 0};
  add_layer(file, random, "encoder.0", 35, 9);
  add_layer(file, random, "encoder.1", 9, 8);
  add_layer(file, random, "posterior", 8, 2 * latent + (full ? latent * (latent - 1) / 2 : 0), 0.3);
  add_layer(file, random, "decoder.0", latent, 8);
  add_layer(file, random, "decoder.1", 8, 9);
  add_layer(file, random, "outputs", 9, 35 * likelihood.outputs, 0.3);
  return file;
}

dataset::TensorFile random_hvae(RandomStream& random, const Likelihood& likelihood) {
  dataset::TensorFile file;
  file.kind = "hvae";
  file.config = std::string(R"({"latents": [6, 4, 3], "hidden": [9], "upper-hidden": [5],
      "activation": "elu", "components": 2, "likelihood": ")") +
                likelihood.name + "\"}";
  file.shape = {1, 5, 7, 0};
  add_layer(file, random, "up1.0", 35, 9);
  add_layer(file, random, "up1.parameters", 9, 12, 0.15);
  add_layer(file, random, "up2.0", 6, 5);
  add_layer(file, random, "up2.parameters", 5, 8, 0.15);
  add_layer(file, random, "up3.0", 4, 5);
  add_layer(file, random, "up3.parameters", 5, 6, 0.15);
  add_layer(file, random, "down1.0", 4, 5);
  add_layer(file, random, "down1.parameters", 5, 12, 0.15);
  add_layer(file, random, "down2.0", 3, 5);
  add_layer(file, random, "down2.parameters", 5, 8, 0.15);
  add_layer(file, random, "decoder.0", 6, 9);
  add_layer(file, random, "outputs", 9, 35 * likelihood.outputs, 0.3);
  return file;
}

enum class Kind { kDiagonal, kFull, kLayers };
constexpr Kind kKinds[] = {Kind::kDiagonal, Kind::kFull, Kind::kLayers};

dataset::TensorFile random_file(RandomStream& random, const Likelihood& likelihood, Kind kind) {
  return kind == Kind::kLayers ? random_hvae(random, likelihood)
                               : random_vae(random, likelihood, 4, kind == Kind::kFull);
}

std::vector<uint32_t> random_rows(RandomStream& random, const TableModel& model, size_t rows) {
  std::vector<uint32_t> symbols;
  for (size_t r = 0; r < rows; ++r)
    for (const Column& column : model.columns())
      symbols.push_back(static_cast<uint32_t>(random.integer(column.size)));
  return symbols;
}

std::string message(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

constexpr BitsBackOptions kSchemes[] = {
    {Scheme::kBitsBack, 1}, {Scheme::kBitSwap, 1}, {Scheme::kMonteCarlo, 5}};

TEST(NetworkModel, AnyImagesComeBack) {
  RandomStream random(1);
  for (const Likelihood& likelihood : kLikelihoods) {
    for (const Kind kind : kKinds) {
      const auto model = make_network_model(random_file(random, likelihood, kind), "m");
      EXPECT_EQ(model->num_columns(), 35u);
      EXPECT_EQ(model->name(), kind == Kind::kLayers ? "hvae:6,4,3" : "vae:4");
      for (const BitsBackOptions& options : kSchemes) {
        for (const size_t count : {0, 1, 40}) {
          const auto rows = random_rows(random, *model, count);
          AnsStack stack(3);
          model->encode(stack, rows, options);
          std::vector<uint32_t> back(rows.size());
          model->decode(stack, back, options);
          ASSERT_EQ(back, rows) << likelihood.name;
          EXPECT_TRUE(stack.is_back_at_start());
        }
      }
    }
  }
}

double net_bits(const AnsStack& stack) {
  return stack.information_bits() - stack.clean_information_bits();
}

// Lectures F.1 for networks: the rate of bits-back is the negative ELBO, and that of several
// particles the importance-weighted bound, though q is far from the posterior. The images are draws
// of the model; noise would meet levels rarer than the coder's rarest, which costs less than it
// should.
TEST(NetworkModel, LecturesF1NetRateIsTheBound) {
  RandomStream random(2);
  for (const Likelihood& likelihood : kLikelihoods) {
    for (const Kind kind : kKinds) {
      const auto model = make_network_model(random_file(random, likelihood, kind), "m");
      std::vector<uint32_t> rows(3000 * model->num_columns());
      AnsStack noise(1);
      model->decode(noise, rows, {});  // what clean bits stand for
      double plain = 0;
      for (const BitsBackOptions& options : kSchemes) {
        AnsStack stack(4);
        model->encode(stack, rows, options);
        const double bound = model->bound_bits(rows, options, 9);
        EXPECT_NEAR(net_bits(stack) / bound, 1, 6e-3)  // four standard errors of the draws
            << likelihood.name << ' ' << static_cast<int>(kind) << ' '
            << static_cast<int>(options.scheme);
        if (options.scheme == Scheme::kBitsBack) plain = bound;
        if (options.scheme == Scheme::kMonteCarlo) {
          EXPECT_LT(bound, plain);
        }
      }
    }
  }
}

// With one latent variable the evidence is an integral over a line.
TEST(NetworkModel, BoundRisesToTheEvidence) {
  RandomStream random(3);
  dataset::TensorFile file = random_vae(random, kLikelihoods[0], 1);
  const auto model = make_network_model(file, "m");
  const auto rows = random_rows(random, *model, 4);
  const auto floats = [&](const std::string& name) {
    const dataset::NamedTensor* found = file.find("model/" + name);
    std::vector<float> values(found->num_elements());
    std::memcpy(values.data(), found->bytes.data(), found->bytes.size());
    return values;
  };
  const auto layer = [&](const std::string& name, const std::vector<double>& x) {
    const auto weight = floats(name + ".weight");
    const auto bias = floats(name + ".bias");
    std::vector<double> y(bias.begin(), bias.end());
    for (size_t j = 0; j < y.size(); ++j)
      for (size_t i = 0; i < x.size(); ++i)
        y[j] += static_cast<double>(weight[j * x.size() + i]) * x[i];
    return y;
  };
  double evidence = 0;
  for (size_t at = 0; at < rows.size(); at += 35) {
    double p = 0;
    constexpr double kStep = 0.01;
    for (double z = -8; z <= 8; z += kStep) {
      auto h = layer("decoder.0", {z});
      for (double& v : h) v = std::tanh(v);
      h = layer("decoder.1", h);
      for (double& v : h) v = std::tanh(v);
      const auto logits = layer("outputs", h);
      double log_p = -0.5 * z * z - 0.5 * std::log(2 * M_PI);
      for (size_t i = 0; i < 35; ++i)
        log_p -= std::log1p(std::exp(rows[at + i] == 1 ? -logits[i] : logits[i]));
      p += std::exp(log_p) * kStep;
    }
    evidence -= std::log2(p);
  }
  const double elbo = model->bound_bits(rows, {Scheme::kBitsBack, 1}, 1);
  const double many = model->bound_bits(rows, {Scheme::kMonteCarlo, 2000}, 1);
  EXPECT_GT(elbo, evidence);
  EXPECT_NEAR(many, evidence, 0.02 * (elbo - evidence) + 0.05);
}

TEST(NetworkModel, SameFileOnEveryTargetAndForAnyThreads) {
  const auto before = numeric::simd_target();
  RandomStream random(4);
  for (const Likelihood& likelihood : kLikelihoods) {
    const auto file = random_hvae(random, likelihood);
    std::vector<uint32_t> rows;
    AnsState reference;
    for (const auto target : {numeric::SimdTarget::kBaseline, numeric::SimdTarget::kAvx2,
                              numeric::SimdTarget::kAvx512}) {
      if (!numeric::set_simd_target(target)) continue;
      // The grids are computed anew.
      const auto model = make_network_model(file, "m");
      if (rows.empty()) rows = random_rows(random, *model, 50);
      AnsStack stack(5);
      model->encode(stack, rows, {Scheme::kBitSwap, 1});
      if (reference.words.empty()) reference = stack.state();
      EXPECT_EQ(stack.state(), reference);
      // What another wrote.
      AnsStack other(reference, 5);
      std::vector<uint32_t> back(rows.size());
      model->decode(other, back, {Scheme::kBitSwap, 1});
      EXPECT_EQ(back, rows);
    }
  }
  numeric::set_simd_target(before);
}

TEST(NetworkModel, FingerprintIsOfTheNumbers) {
  RandomStream random(5);
  dataset::TensorFile file = random_vae(random, kLikelihoods[0]);
  const uint64_t first = make_network_model(file, "m")->fingerprint();
  EXPECT_EQ(make_network_model(file, "another name")->fingerprint(), first);
  dataset::TensorFile changed = file;
  changed.tensors[3].bytes[1] ^= 1;
  EXPECT_NE(make_network_model(changed, "m")->fingerprint(), first);
  changed = file;
  changed.config.replace(changed.config.find("tanh"), 4, "relu");
  EXPECT_NE(make_network_model(changed, "m")->fingerprint(), first);
}

TEST(NetworkModel, RefusesWhatItCannotCode) {
  RandomStream random(6);
  const dataset::TensorFile good = random_vae(random, kLikelihoods[0]);
  const auto with = [&](const std::function<void(dataset::TensorFile&)>& change) {
    dataset::TensorFile file = good;
    change(file);
    return message([&] { make_network_model(file, "m.vinci"); });
  };
  const auto replace = [](const char* what, const char* by) {
    return [=](dataset::TensorFile& f) {
      f.config.replace(f.config.find(what), std::strlen(what), by);
    };
  };
  EXPECT_EQ(with([](auto&) {}), "no error");
  EXPECT_THAT(with([](auto& f) { f.kind = "vqvae"; }),
              HasSubstr("`m.vinci` holds a model of the kind `vqvae`"));
  EXPECT_THAT(with([](auto& f) { f.shape[0] = 3; }), HasSubstr("images with 3 channels"));
  EXPECT_THAT(with([](auto& f) { f.shape[1] = 6; }), HasSubstr("do not fit"));
  EXPECT_THAT(with(replace("bernoulli", "gaussian")), HasSubstr("no masses that could be coded"));
  EXPECT_THAT(with(replace("bernoulli", "beta-binomial")), HasSubstr("do not fit"));
  EXPECT_THAT(with(replace("tanh", "gelu")), HasSubstr("activation `gelu`"));
  EXPECT_THAT(with(replace("\"hidden\"", "\"hiding\"")), HasSubstr("settings that are not those"));
  EXPECT_THAT(with(replace("\"latent\": 4", "\"latent\": 4, \"posterior\": \"flow\"")),
              HasSubstr("`flow` posterior"));
  EXPECT_THAT(with([](auto& f) { f.tensors.pop_back(); }), HasSubstr("lacks the tensor"));
  EXPECT_THAT(with([](auto& f) { f.tensors[2].sizes = {72}; }), HasSubstr("another type or shape"));
  EXPECT_THAT(with([](auto& f) {
                const float nan = NAN;
                std::memcpy(f.tensors[0].bytes.data() + 8, &nan, 4);
              }),
              HasSubstr("not finite"));
}

}  // namespace
}  // namespace vinci::coding
