// Time of the entropy coder for each symbol, beside floors: the dependent divisions of a scalar
// push, and copying the symbols.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "coding/adaptive.h"
#include "coding/frequency_table.h"
#include "numeric/random/random_stream.h"

namespace vinci::coding {
namespace {

constexpr size_t kSymbols = size_t{1} << 18;

std::vector<double> weights() {
  numeric::RandomStream random(1);
  std::vector<double> out(256);
  for (double& w : out) w = random.exponential() * random.exponential();
  return out;
}

std::vector<uint32_t> symbols(const std::vector<double>& w) {
  numeric::RandomStream random(2);
  std::vector<uint32_t> out(kSymbols);
  for (uint32_t& s : out) s = static_cast<uint32_t>(random.categorical(w));
  return out;
}

void report(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kSymbols));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kSymbols));  // 8-bit symbols
}

void scalar_push(benchmark::State& state) {
  const auto w = weights();
  const FrequencyTable table = FrequencyTable::from_weights(w, 16);
  const auto data = symbols(w);
  for (auto _ : state) {
    AnsStack stack(1);
    for (const uint32_t s : data) table.push(stack, s);
    benchmark::DoNotOptimize(stack.num_bits());
  }
  report(state);
}
BENCHMARK(scalar_push);

void scalar_pop(benchmark::State& state) {
  const auto w = weights();
  const FrequencyTable table = FrequencyTable::from_weights(w, 16);
  AnsStack full(1);
  for (const uint32_t s : symbols(w)) table.push(full, s);
  for (auto _ : state) {
    AnsStack stack = full;
    uint64_t sum = 0;
    for (size_t i = 0; i < kSymbols; ++i) sum += table.pop(stack);
    benchmark::DoNotOptimize(sum);
  }
  report(state);
}
BENCHMARK(scalar_pop);

void row_push(benchmark::State& state) {
  const auto w = weights();
  const SlotTable table(FrequencyTable::from_weights(w, static_cast<int>(state.range(0))));
  const auto data = symbols(w);
  for (auto _ : state) {
    AnsStack stack(1);
    table.push_row(stack, data);
    benchmark::DoNotOptimize(stack.num_bits());
  }
  report(state);
}
BENCHMARK(row_push)->Arg(13)->Arg(16);

void row_pop(benchmark::State& state) {
  const auto w = weights();
  const SlotTable table(FrequencyTable::from_weights(w, static_cast<int>(state.range(0))));
  AnsStack full(1);
  table.push_row(full, symbols(w));
  std::vector<uint32_t> out(kSymbols);
  for (auto _ : state) {
    AnsStack stack = full;
    table.pop_row(stack, out);
    benchmark::DoNotOptimize(out.data());
  }
  report(state);
}
BENCHMARK(row_pop)->Arg(13)->Arg(16);

std::vector<uint32_t> zeros() {
  numeric::RandomStream random(3);
  std::vector<uint32_t> out(kSymbols);
  for (uint32_t& z : out) z = static_cast<uint32_t>(1 + random.integer(65535));
  return out;
}

void bit_row_push(benchmark::State& state) {
  const auto z = zeros();
  numeric::RandomStream random(4);
  std::vector<uint8_t> bits(kSymbols);
  for (size_t i = 0; i < kSymbols; ++i) bits[i] = random.integer(65536) >= z[i];
  for (auto _ : state) {
    AnsStack stack(1);
    stack.push_bit_row(z, bits, 16);
    benchmark::DoNotOptimize(stack.num_bits());
  }
  report(state);
}
BENCHMARK(bit_row_push);

void bit_row_pop(benchmark::State& state) {
  const auto z = zeros();
  AnsStack full(1);
  for (size_t i = 0; i < kSymbols; i += 2) full.push_bits(i * 0x9e3779b97f4a7c15u, 64);
  std::vector<uint8_t> bits(kSymbols);
  for (auto _ : state) {
    AnsStack stack = full;
    stack.pop_bit_row(z, bits, 16);
    benchmark::DoNotOptimize(bits.data());
  }
  report(state);
}
BENCHMARK(bit_row_pop);

void adaptive_encode(benchmark::State& state) {
  const auto data = symbols(weights());
  for (auto _ : state) {
    AnsStack stack(1);
    encode_adaptive(stack, AdaptiveModel(256), data);
    benchmark::DoNotOptimize(stack.num_bits());
  }
  report(state);
}
BENCHMARK(adaptive_encode);

void floor_dependent_divisions(benchmark::State& state) {
  const auto data = symbols(weights());
  for (auto _ : state) {
    uint64_t x = ~uint64_t{0} >> 8;
    for (const uint32_t s : data) x = (x / (s + 1) << 16 | 1) + x % (s + 1);
    benchmark::DoNotOptimize(x);
  }
  report(state);
}
BENCHMARK(floor_dependent_divisions);

void floor_copy(benchmark::State& state) {
  const auto data = symbols(weights());
  std::vector<uint32_t> out(kSymbols);
  for (auto _ : state) {
    std::memcpy(out.data(), data.data(), 4 * kSymbols);
    benchmark::DoNotOptimize(out.data());
  }
  report(state);
}
BENCHMARK(floor_copy);

}  // namespace
}  // namespace vinci::coding
