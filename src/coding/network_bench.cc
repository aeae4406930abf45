// Images a second through an autoencoder of 784-200-200-(50)-200-200-784, and the share of its
// networks.
#include <benchmark/benchmark.h>

#include <cmath>

#include "coding/network_model.h"
#include "coding/strict_network.h"
#include "coding/testing/network_file.h"
#include "numeric/random/random_stream.h"

namespace {

using namespace vinci::coding;  // NOLINT: a single file
using vinci::dataset::TensorFile;
using vinci::numeric::RandomStream;

constexpr size_t kPixels = 784;
constexpr size_t kImages = 200;

std::vector<float> normals(RandomStream& random, size_t n, double scale) {
  std::vector<float> values(n);
  for (float& v : values) v = static_cast<float>(scale * random.normal());
  return values;
}

void add(TensorFile& file, RandomStream& random, const std::string& name, size_t inputs,
         size_t outputs) {
  testing::add_layer(file, name,
                     normals(random, inputs * outputs, 1 / std::sqrt(static_cast<double>(inputs))),
                     normals(random, outputs, 0.1));
}

TableModelPtr model_of(const std::string& likelihood, size_t outputs) {
  RandomStream random(1);
  TensorFile file;
  file.kind = "vae";
  file.config = R"({"latent": 50, "hidden": [200, 200], "activation": "tanh", "likelihood": ")" +
                likelihood + "\"}";
  file.shape = {1, 28, 28, 0};
  add(file, random, "encoder.0", kPixels, 200);
  add(file, random, "encoder.1", 200, 200);
  add(file, random, "posterior", 200, 100);
  add(file, random, "decoder.0", 50, 200);
  add(file, random, "decoder.1", 200, 200);
  add(file, random, "outputs", 200, kPixels * outputs);
  return make_network_model(file, "bench");
}

/// A fifth of the pixels are not 0, as in digits.
std::vector<uint32_t> images(const TableModel& model) {
  RandomStream random(2);
  std::vector<uint32_t> symbols(kImages * kPixels);
  for (uint32_t& s : symbols)
    if (random.integer(5) == 0)
      s = static_cast<uint32_t>(1 + random.integer(model.columns()[0].size - 1));
  return symbols;
}

void encode(benchmark::State& state, const std::string& likelihood, size_t outputs) {
  const auto model = model_of(likelihood, outputs);
  const auto rows = images(*model);
  for (auto _ : state) {
    AnsStack stack(1);
    model->encode(stack, rows, {});
    benchmark::DoNotOptimize(stack.num_bits());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kImages));
}

void decode(benchmark::State& state, const std::string& likelihood, size_t outputs) {
  const auto model = model_of(likelihood, outputs);
  const auto rows = images(*model);
  AnsStack coded(1);
  model->encode(coded, rows, {});
  std::vector<uint32_t> back(rows.size());
  for (auto _ : state) {
    AnsStack stack(coded.state(), 1);
    model->decode(stack, back, {});
  }
  if (back != rows) state.SkipWithError("not what was encoded");
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kImages));
}

/// The two networks of an image, alone.
void networks(benchmark::State& state) {
  RandomStream random(3);
  const auto network = [&](std::vector<size_t> widths) {
    std::vector<StrictLayer> layers;
    for (size_t l = 1; l < widths.size(); ++l)
      layers.emplace_back(normals(random, widths[l] * widths[l - 1], 0.05),
                          normals(random, widths[l], 0.05));
    return StrictNetwork(std::move(layers), StrictActivation::kTanh);
  };
  const StrictNetwork encoder = network({kPixels, 200, 200, 100});
  const StrictNetwork decoder = network({50, 200, 200, kPixels});
  std::vector<float> x(kPixels);
  for (float& v : x) v = random.integer(5) == 0 ? 1.0F : 0.0F;
  const std::vector<float> z = normals(random, 50, 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(encoder(x));
    benchmark::DoNotOptimize(decoder(z));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

BENCHMARK(networks)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(encode, bernoulli, "bernoulli", 1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, bernoulli, "bernoulli", 1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, beta_binomial, "beta-binomial", 2)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, beta_binomial, "beta-binomial", 2)->Unit(benchmark::kMillisecond);

}  // namespace
