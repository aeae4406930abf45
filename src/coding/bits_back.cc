#include "coding/bits_back.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "coding/strict_math.h"

namespace vinci::coding {

namespace {

/// Elements that know how to push and pop themselves.
template <class Distribution>
class IndependentRow final : public RowDistribution {
 public:
  explicit IndependentRow(std::vector<Distribution> elements) : elements_(std::move(elements)) {}
  size_t size() const override { return elements_.size(); }
  void push(AnsStack& stack, std::span<const uint32_t> symbols) const override {
    for (size_t i = elements_.size(); i-- > 0;) elements_[i].push(stack, symbols[i]);
  }
  void pop(AnsStack& stack, std::span<uint32_t> symbols) const override {
    for (size_t i = 0; i < elements_.size(); ++i)
      symbols[i] = static_cast<uint32_t>(elements_[i].pop(stack));
  }
  double bits(std::span<const uint32_t> symbols) const override {
    double sum = 0;
    for (size_t i = 0; i < elements_.size(); ++i) sum += elements_[i].bits(symbols[i]);
    return sum;
  }

 private:
  std::vector<Distribution> elements_;
};

class UniformRow final : public RowDistribution {
 public:
  UniformRow(size_t size, int log2_size) : size_(size), log2_size_(log2_size) {}
  size_t size() const override { return size_; }
  void push(AnsStack& stack, std::span<const uint32_t> symbols) const override {
    for (size_t i = size_; i-- > 0;) stack.push_bits(symbols[i], log2_size_);
  }
  void pop(AnsStack& stack, std::span<uint32_t> symbols) const override {
    for (size_t i = 0; i < size_; ++i)
      symbols[i] = static_cast<uint32_t>(stack.pop_bits(log2_size_));
  }
  double bits(std::span<const uint32_t>) const override {
    return static_cast<double>(size_) * log2_size_;
  }

 private:
  size_t size_;
  int log2_size_;
};

using Latents = std::vector<std::vector<uint32_t>>;  // [layer], [0] unused

Latents make_latents(const LatentModel& model) {
  Latents z(static_cast<size_t>(model.num_layers()) + 1);
  for (int layer = 1; layer <= model.num_layers(); ++layer)
    z[static_cast<size_t>(layer)].resize(model.layer_size(layer));
  return z;
}

/// One draw of all layers, or the coding of them, in terms of the model's rows.
class Chain {
 public:
  Chain(const LatentModel& model, AnsStack& stack) : model_(model), stack_(stack) {}

  std::span<const uint32_t> below(std::span<const uint32_t> x, const Latents& z, int layer) const {
    return layer == 1 ? x : std::span<const uint32_t>(z[static_cast<size_t>(layer) - 1]);
  }
  /// The layer popped with its posterior; takes -log2 q from *bits unless it is null.
  void pop_posterior(std::span<const uint32_t> x, Latents& z, int layer, double* bits) const {
    const auto q = model_.posterior(layer, below(x, z, layer));
    stack_.set_stirring(true);
    q->pop(stack_, z[static_cast<size_t>(layer)]);
    stack_.set_stirring(false);
    if (bits != nullptr) *bits -= q->bits(z[static_cast<size_t>(layer)]);
  }
  void push_posterior(std::span<const uint32_t> x, const Latents& z, int layer) const {
    const auto q = model_.posterior(layer, below(x, z, layer));
    stack_.set_stirring(true);
    q->push(stack_, z[static_cast<size_t>(layer)]);
    stack_.set_stirring(false);
  }
  RowDistributionPtr generative(const Latents& z, int layer) const {
    return layer == model_.num_layers()
               ? model_.prior()
               : model_.likelihood(layer, z[static_cast<size_t>(layer) + 1]);
  }
  /// The layer pushed; adds -log2 p to *bits unless it is null.
  void push_generative(std::span<const uint32_t> symbols, const Latents& z, int layer,
                       double* bits) const {
    const auto p = generative(z, layer);
    p->push(stack_, symbols);
    if (bits != nullptr) *bits += p->bits(symbols);
  }
  double generative_bits(std::span<const uint32_t> x, const Latents& z) const {
    double bits = generative(z, 0)->bits(x);
    for (int layer = 1; layer <= model_.num_layers(); ++layer)
      bits += generative(z, layer)->bits(z[static_cast<size_t>(layer)]);
    return bits;
  }
  double posterior_bits(std::span<const uint32_t> x, const Latents& z) const {
    double bits = 0;
    for (int layer = 1; layer <= model_.num_layers(); ++layer)
      bits += model_.posterior(layer, below(x, z, layer))->bits(z[static_cast<size_t>(layer)]);
    return bits;
  }

 private:
  const LatentModel& model_;
  AnsStack& stack_;
};

constexpr int kChoicePrecision = 24;

/// Which particle: proportionally to p(x, z) / q(z | x), from the bits of each weight.
FrequencyTable choice_table(std::span<const double> weight_bits) {
  const double least = *std::min_element(weight_bits.begin(), weight_bits.end());
  std::vector<double> weights;
  for (const double b : weight_bits) weights.push_back(std::max(strict_exp2(least - b), 0x1p-100));
  return FrequencyTable::from_weights(weights, kChoicePrecision);
}

double mean_weight_bits(std::span<const double> weight_bits) {
  const double least = *std::min_element(weight_bits.begin(), weight_bits.end());
  double sum = 0;
  for (const double b : weight_bits) sum += strict_exp2(least - b);
  return least - strict_log2(sum / static_cast<double>(weight_bits.size()));
}

void encode_monte_carlo(AnsStack& stack, const LatentModel& model, std::span<const uint32_t> x,
                        int particles, double* bits) {
  const Chain chain(model, stack);
  const auto n = static_cast<size_t>(particles);
  std::vector<Latents> z(n, make_latents(model));
  std::vector<double> weight_bits(n);
  for (size_t i = 0; i < n; ++i) {
    double weight = 0;
    for (int layer = 1; layer <= model.num_layers(); ++layer)
      chain.pop_posterior(x, z[i], layer, &weight);
    weight_bits[i] = chain.generative_bits(x, z[i]) + weight;
  }
  stack.set_stirring(true);
  const size_t chosen = choice_table(weight_bits).pop(stack);
  stack.set_stirring(false);
  // What the decoder needs x for goes under it.
  for (size_t i = n; i-- > 0;) {
    if (i == chosen) continue;
    for (int layer = model.num_layers(); layer >= 1; --layer) chain.push_posterior(x, z[i], layer);
  }
  chain.push_generative(x, z[chosen], 0, nullptr);
  for (int layer = 1; layer <= model.num_layers(); ++layer)
    chain.push_generative(z[chosen][static_cast<size_t>(layer)], z[chosen], layer, nullptr);
  uniform_table(n, kChoicePrecision).push(stack, chosen);
  if (bits != nullptr) *bits = mean_weight_bits(weight_bits);
}

void decode_monte_carlo(AnsStack& stack, const LatentModel& model, std::span<uint32_t> x,
                        int particles) {
  const Chain chain(model, stack);
  const auto n = static_cast<size_t>(particles);
  std::vector<Latents> z(n, make_latents(model));
  const size_t chosen = uniform_table(n, kChoicePrecision).pop(stack);
  for (int layer = model.num_layers(); layer >= 1; --layer)
    chain.generative(z[chosen], layer)->pop(stack, z[chosen][static_cast<size_t>(layer)]);
  chain.generative(z[chosen], 0)->pop(stack, x);
  std::vector<double> weight_bits(n);
  for (size_t i = 0; i < n; ++i) {
    double weight = 0;
    if (i == chosen) {
      weight = -chain.posterior_bits(x, z[i]);
    } else {
      for (int layer = 1; layer <= model.num_layers(); ++layer)
        chain.pop_posterior(x, z[i], layer, &weight);
    }
    weight_bits[i] = chain.generative_bits(x, z[i]) + weight;
  }
  stack.set_stirring(true);
  choice_table(weight_bits).push(stack, chosen);
  stack.set_stirring(false);
  for (size_t i = n; i-- > 0;)
    for (int layer = model.num_layers(); layer >= 1; --layer) chain.push_posterior(x, z[i], layer);
}

}  // namespace

RowDistributionPtr table_row(std::vector<FrequencyTable> tables) {
  return std::make_unique<IndependentRow<FrequencyTable>>(std::move(tables));
}

RowDistributionPtr binned_row(const EqualMassBins& bins, BinShape shape,
                              std::span<const double> locations, std::span<const double> scales,
                              int precision) {
  VINCI_CHECK(locations.size() == scales.size());
  std::vector<BinnedDistribution> elements;
  elements.reserve(locations.size());
  for (size_t i = 0; i < locations.size(); ++i)
    elements.emplace_back(bins, shape, locations[i], scales[i], precision);
  return std::make_unique<IndependentRow<BinnedDistribution>>(std::move(elements));
}

RowDistributionPtr uniform_row(size_t size, int log2_size) {
  return std::make_unique<UniformRow>(size, log2_size);
}

void encode_bits_back(AnsStack& stack, const LatentModel& model, std::span<const uint32_t> x,
                      const BitsBackOptions& options, double* bits) {
  VINCI_CHECK(x.size() == model.layer_size(0));
  if (options.scheme == Scheme::kMonteCarlo && options.particles > 1)
    return encode_monte_carlo(stack, model, x, options.particles, bits);
  const Chain chain(model, stack);
  Latents z = make_latents(model);
  const int top = model.num_layers();
  if (bits != nullptr) *bits = 0;
  if (options.scheme == Scheme::kBitSwap) {
    for (int layer = 1; layer <= top; ++layer) {
      chain.pop_posterior(x, z, layer, bits);
      chain.push_generative(chain.below(x, z, layer), z, layer - 1, bits);
    }
    chain.push_generative(z[static_cast<size_t>(top)], z, top, bits);
    return;
  }
  for (int layer = 1; layer <= top; ++layer) chain.pop_posterior(x, z, layer, bits);
  chain.push_generative(x, z, 0, bits);
  for (int layer = 1; layer <= top; ++layer)
    chain.push_generative(z[static_cast<size_t>(layer)], z, layer, bits);
}

void decode_bits_back(AnsStack& stack, const LatentModel& model, std::span<uint32_t> x,
                      const BitsBackOptions& options) {
  VINCI_CHECK(x.size() == model.layer_size(0));
  if (options.scheme == Scheme::kMonteCarlo && options.particles > 1)
    return decode_monte_carlo(stack, model, x, options.particles);
  const Chain chain(model, stack);
  Latents z = make_latents(model);
  const int top = model.num_layers();
  const auto pop_generative = [&](int layer) {
    chain.generative(z, layer)->pop(stack,
                                    layer == 0 ? x : std::span(z[static_cast<size_t>(layer)]));
  };
  pop_generative(top);
  if (options.scheme == Scheme::kBitSwap) {
    for (int layer = top; layer >= 1; --layer) {
      pop_generative(layer - 1);
      chain.push_posterior(x, z, layer);
    }
    return;
  }
  for (int layer = top - 1; layer >= 0; --layer) pop_generative(layer);
  for (int layer = top; layer >= 1; --layer) chain.push_posterior(x, z, layer);
}

}  // namespace vinci::coding
