#include "coding/pixels.h"

#include <algorithm>
#include <cmath>

#include "coding/strict_math.h"

namespace vinci::coding {

namespace {

constexpr double kSlots = 1 << kPixelPrecision;
constexpr uint32_t kLevels = 256;

class BernoulliRow final : public RowDistribution {
 public:
  explicit BernoulliRow(std::span<const float> logits) : zeros_(logits.size()) {
    for (size_t i = 0; i < logits.size(); ++i) {
      const double zeros = kSlots * strict_inv_logit(-bounded(logits[i], 700));
      zeros_[i] = static_cast<uint32_t>(std::clamp(zeros + 0.5, 1.0, kSlots - 1));
    }
  }
  size_t size() const override { return zeros_.size(); }
  void push(AnsStack& stack, std::span<const uint32_t> symbols) const override {
    const std::vector<uint8_t> bits(symbols.begin(), symbols.end());
    stack.push_bit_row(zeros_, bits, kPixelPrecision);
  }
  void pop(AnsStack& stack, std::span<uint32_t> symbols) const override {
    std::vector<uint8_t> bits(symbols.size());
    stack.pop_bit_row(zeros_, bits, kPixelPrecision);
    std::copy(bits.begin(), bits.end(), symbols.begin());
  }
  double bits(std::span<const uint32_t> symbols) const override {
    double sum = 0;
    for (size_t i = 0; i < zeros_.size(); ++i) {
      const double frequency = symbols[i] == 0 ? zeros_[i] : kSlots - zeros_[i];
      sum += kPixelPrecision - strict_log2(frequency);
    }
    return sum;
  }

 private:
  std::vector<uint32_t> zeros_;
};

class Bernoulli final : public PixelLikelihood {
 public:
  size_t outputs_per_pixel() const override { return 1; }
  Column column() const override { return {0, 2, 0}; }
  RowDistributionPtr row(std::span<const float> outputs) const override {
    return std::make_unique<BernoulliRow>(outputs);
  }
  double bits(std::span<const float> outputs, std::span<const uint32_t> symbols) const override {
    double nats = 0;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const double against = bounded(symbols[i] == 0 ? outputs[i] : -outputs[i], 700);
      nats +=
          against > 0 ? against + std::log1p(std::exp(-against)) : std::log1p(std::exp(against));
    }
    return nats / std::log(2.0);
  }
};

/// A pixel of 256 levels by its distribution function: level v has the slots from edge(v) to
/// edge(v + 1), edge(v) = 2 v + floor((2^precision - 512) F(v)) with F(v) = P(level < v), so that
/// it has one even where the computed F falls by a rounding error.
uint32_t edge_of(double below, uint32_t level) {
  const double share = below > 0 ? (below < 1 ? below : 1) : 0;  // NaN: 0
  return 2 * level + static_cast<uint32_t>((kSlots - 2 * kLevels) * share);
}

/// Pixels that know their intervals and search for them.
template <class Pixel>
class LevelRow final : public RowDistribution {
 public:
  /// `storage`: what the pixels point to.
  explicit LevelRow(std::vector<Pixel> pixels, std::vector<double> storage = {})
      : pixels_(std::move(pixels)), storage_(std::move(storage)) {}
  size_t size() const override { return pixels_.size(); }
  void push(AnsStack& stack, std::span<const uint32_t> symbols) const override {
    std::vector<Interval> intervals(pixels_.size());
    for (size_t i = 0; i < pixels_.size(); ++i) intervals[i] = pixels_[i].interval(symbols[i]);
    stack.push_row(intervals, kPixelPrecision);
  }
  void pop(AnsStack& stack, std::span<uint32_t> symbols) const override {
    stack.pop_row(pixels_.size(), kPixelPrecision,
                  [&](size_t i, uint32_t slot, Interval& interval) {
                    symbols[i] = pixels_[i].find(slot, interval);
                  });
  }
  double bits(std::span<const uint32_t> symbols) const override {
    double sum = 0;
    for (size_t i = 0; i < pixels_.size(); ++i)
      sum += kPixelPrecision - strict_log2(pixels_[i].interval(symbols[i]).frequency);
    return sum;
  }

 private:
  std::vector<Pixel> pixels_;
  std::vector<double> storage_;
};

/// Level v counts as v successes of 255 trials; its masses are summed from the end that is nearer
/// to the mean, at which they cannot underflow, so that dark pixels take few steps.
class BetaBinomialPixel {
 public:
  BetaBinomialPixel(double a, double b) : mirrored_(a > b), a_(a), b_(b) {
    if (mirrored_) std::swap(a_, b_);
    constexpr double n = kLevels - 1;
    first_ = strict_exp(strict_log_gamma(n + b_) - strict_log_gamma(b_) +
                        (strict_log_gamma(a_ + b_) - strict_log_gamma(n + a_ + b_)));
  }
  Interval interval(uint32_t level) const {
    Walk walk(*this);
    const uint32_t steps = mirrored_ ? kLevels - 1 - level : level;
    while (walk.at < steps) walk.advance();
    return turned(walk.interval());
  }
  uint32_t find(uint32_t slot, Interval& interval) const {
    const uint32_t wanted = mirrored_ ? static_cast<uint32_t>(kSlots) - 1 - slot : slot;
    Walk walk(*this);
    Interval here = walk.interval();
    while (wanted >= here.start + here.frequency) {
      walk.advance();
      here = walk.interval();
    }
    interval = turned(here);
    return mirrored_ ? kLevels - 1 - walk.at : walk.at;
  }

 private:
  struct Walk {
    explicit Walk(const BetaBinomialPixel& p) : pixel(p), mass(p.first_) {}
    /// P(k + 1) / P(k) = (n - k)(k + a) / ((k + 1)(n - k - 1 + b)).
    void advance() {
      const double k = at;
      const double left = kLevels - 1 - k;
      below += mass;
      mass *= left * (k + pixel.a_) / ((k + 1) * (left - 1 + pixel.b_));
      ++at;
    }
    Interval interval() const {
      const uint32_t start = edge_of(below, at);
      const uint32_t end =
          at == kLevels - 1 ? static_cast<uint32_t>(kSlots) : edge_of(below + mass, at + 1);
      return {start, end - start};
    }
    const BetaBinomialPixel& pixel;
    uint32_t at = 0;
    double below = 0;
    double mass;
  };
  Interval turned(Interval i) const {
    if (mirrored_) i.start = static_cast<uint32_t>(kSlots) - i.start - i.frequency;
    return i;
  }

  bool mirrored_;
  double a_, b_;  // a <= b
  double first_;  // P(0)
};

class BetaBinomial final : public PixelLikelihood {
 public:
  size_t outputs_per_pixel() const override { return 2; }
  Column column() const override { return {0, kLevels, 0}; }
  RowDistributionPtr row(std::span<const float> outputs) const override {
    const size_t n = outputs.size() / 2;
    std::vector<BetaBinomialPixel> pixels;
    pixels.reserve(n);
    for (size_t i = 0; i < n; ++i) pixels.emplace_back(shape(outputs[i]), shape(outputs[n + i]));
    return std::make_unique<LevelRow<BetaBinomialPixel>>(std::move(pixels));
  }
  double bits(std::span<const float> outputs, std::span<const uint32_t> symbols) const override {
    const size_t d = outputs.size() / 2;
    constexpr double n = kLevels - 1;
    double nats = 0;
    for (size_t i = 0; i < d; ++i) {
      const double a = shape(outputs[i]);
      const double b = shape(outputs[d + i]);
      const double v = symbols[i];
      nats -= strict_log_gamma(n + 1) - strict_log_gamma(v + 1) - strict_log_gamma(n - v + 1) +
              strict_log_gamma(v + a) + strict_log_gamma(n - v + b) - strict_log_gamma(n + a + b) -
              strict_log_gamma(a) - strict_log_gamma(b) + strict_log_gamma(a + b);
    }
    return nats / std::log(2.0);
  }

 private:
  /// exp(12 tanh(o / 12)).
  static double shape(float output) {
    constexpr double kLargest = 12;
    return strict_exp(kLargest * strict_tanh(bounded(output, 1e6) / kLargest));
  }
};

constexpr size_t kMaxComponents = 100;

class LogisticMixturePixel {
 public:
  /// Outputs of pixel i of n; `storage`: 3 K numbers.
  LogisticMixturePixel(std::span<const float> outputs, size_t components, size_t i, size_t n,
                       double* storage)
      : components_(components),
        weight_(storage),
        mean_(storage + components),
        inverse_scale_(storage + 2 * components) {
    const auto at = [&](size_t part, size_t k) {
      return static_cast<double>(outputs[(part * components + k) * n + i]);
    };
    double largest = -1e30;
    for (size_t k = 0; k < components; ++k) largest = std::max(largest, bounded(at(0, k), 1e6));
    double sum = 0;
    for (size_t k = 0; k < components; ++k)
      sum += storage[k] = strict_exp(bounded(at(0, k), 1e6) - largest);
    for (size_t k = 0; k < components; ++k) {
      storage[k] /= sum;
      storage[components + k] = bounded(at(1, k), 1e6);
      storage[2 * components + k] = strict_exp(-bounded(at(2, k), 7));
    }
  }
  Interval interval(uint32_t level) const {
    const uint32_t start = edge(level);
    return {start, edge(level + 1) - start};
  }
  uint32_t find(uint32_t slot, Interval& interval) const {
    uint32_t low = 0;
    uint32_t high = kLevels;  // edge(low) <= slot < edge(high)
    uint32_t start = 0;
    auto end = static_cast<uint32_t>(kSlots);
    while (high - low > 1) {
      const uint32_t middle = (low + high) / 2;
      const uint32_t at = edge(middle);
      if (at <= slot) {
        low = middle;
        start = at;
      } else {
        high = middle;
        end = at;
      }
    }
    interval = {start, end - start};
    return low;
  }
  /// P(level), not quantised.
  double mass(uint32_t level) const {
    double sum = 0;
    for (size_t k = 0; k < components_; ++k) {
      const double at = (level * (2.0 / 255) - 1 - mean_[k]) * inverse_scale_[k];
      const double half = inverse_scale_[k] / 255;
      // sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - e^(l - u)).
      double p = 1;
      if (level < kLevels - 1) p /= 1 + std::exp(-at - half);
      if (level > 0) p /= 1 + std::exp(at - half);
      if (level > 0 && level < kLevels - 1) p *= -std::expm1(-2 * half);
      sum += weight_[k] * p;
    }
    return sum;
  }

 private:
  uint32_t edge(uint32_t level) const {
    if (level == 0) return 0;
    if (level == kLevels) return static_cast<uint32_t>(kSlots);
    const double at = (level - 0.5) * (2.0 / 255) - 1;
    double below = 0;
    for (size_t k = 0; k < components_; ++k)
      below += weight_[k] * strict_inv_logit((at - mean_[k]) * inverse_scale_[k]);
    return edge_of(below, level);
  }

  size_t components_;
  const double *weight_, *mean_, *inverse_scale_;
};

class LogisticMixture final : public PixelLikelihood {
 public:
  explicit LogisticMixture(size_t components) : components_(components) {}
  size_t outputs_per_pixel() const override { return 3 * components_; }
  Column column() const override { return {0, kLevels, 0}; }
  RowDistributionPtr row(std::span<const float> outputs) const override {
    std::vector<double> storage;
    auto pixels = pixels_of(outputs, storage);
    return std::make_unique<LevelRow<LogisticMixturePixel>>(std::move(pixels), std::move(storage));
  }
  double bits(std::span<const float> outputs, std::span<const uint32_t> symbols) const override {
    double sum = 0;
    std::vector<double> storage;
    const auto pixels = pixels_of(outputs, storage);
    for (size_t i = 0; i < pixels.size(); ++i)
      sum -= std::log2(std::max(pixels[i].mass(symbols[i]), 1e-300));
    return sum;
  }

 private:
  std::vector<LogisticMixturePixel> pixels_of(std::span<const float> outputs,
                                              std::vector<double>& storage) const {
    const size_t n = outputs.size() / outputs_per_pixel();
    storage.resize(outputs.size());
    std::vector<LogisticMixturePixel> all;
    all.reserve(n);
    for (size_t i = 0; i < n; ++i)
      all.emplace_back(outputs, components_, i, n, storage.data() + i * outputs_per_pixel());
    return all;
  }
  size_t components_;
};

}  // namespace

std::unique_ptr<PixelLikelihood> make_pixel_likelihood(const std::string& name, size_t components) {
  if (name == "bernoulli") return std::make_unique<Bernoulli>();
  if (name == "beta-binomial") return std::make_unique<BetaBinomial>();
  if (name == "logistic-mixture" && components >= 1 && components <= kMaxComponents)
    return std::make_unique<LogisticMixture>(components);
  return nullptr;
}

}  // namespace vinci::coding
