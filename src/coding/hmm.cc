// A hidden Markov model: the components of successive rows are a chain, a chunk of rows is one
// observation. q is the exact posterior: filtered forwards, drawn backwards.
#include <algorithm>

#include "coding/component_model.h"
#include "coding/strict_math.h"

namespace vinci::coding {

namespace {

class Hmm final : public ComponentModel {
 public:
  explicit Hmm(ModelCodes codes)
      : ComponentModel(std::move(codes)), first_(weight_table(this->codes().weights)) {
    const std::span<const uint16_t> all = this->codes().transitions;
    for (size_t k = 0; k < components(); ++k)
      next_.push_back(weight_table(all.subspan(k * components(), components())));
  }

  /// A chain is filtered as a whole: [row][component] numbers.
  uint64_t max_chunk_rows() const override {
    return std::max<uint64_t>(1024, (1u << 21) / components());
  }

  void encode(AnsStack& stack, std::span<const uint32_t> rows,
              const BitsBackOptions& options) const override {
    if (rows.empty()) return;
    encode_bits_back(stack, Chain(*this, rows.size() / num_columns()), rows, options);
  }
  void decode(AnsStack& stack, std::span<uint32_t> rows,
              const BitsBackOptions& options) const override {
    if (rows.empty()) return;
    decode_bits_back(stack, Chain(*this, rows.size() / num_columns()), rows, options);
  }
  double evidence_bits(std::span<const uint32_t> rows) const override {
    double bits = 0;
    filter(rows, &bits);
    return bits;
  }
  std::unique_ptr<LatentModel> latent_model(size_t rows) const override {
    return std::make_unique<Chain>(*this, rows);
  }

 private:
  /// p(z_t | x_1..x_t), [t][component], and -log2 p(x) if asked for. Sums and products in a fixed
  /// order: the same bits everywhere.
  std::vector<double> filter(std::span<const uint32_t> rows, double* bits) const {
    const size_t n = components();
    const size_t length = rows.size() / num_columns();
    std::vector<double> filtered(length * n);
    std::vector<int64_t> costs(n);
    for (size_t t = 0; t < length; ++t) {
      emissions().costs(rows.subspan(t * num_columns(), num_columns()), costs);
      const int64_t least = *std::min_element(costs.begin(), costs.end());
      double* at = filtered.data() + t * n;
      double sum = 0;
      for (size_t k = 0; k < n; ++k) {
        double predicted = 0;
        if (t == 0) {
          predicted = probability(first_, k);
        } else {
          for (size_t j = 0; j < n; ++j) predicted += (at - n)[j] * probability(next_[j], k);
        }
        const double cost = Emissions::kCostUnit * static_cast<double>(costs[k] - least);
        sum += at[k] = predicted * std::max(strict_exp2(-cost), 0x1p-200);
      }
      for (size_t k = 0; k < n; ++k) at[k] /= sum;
      if (bits != nullptr)
        *bits += static_cast<double>(least) * Emissions::kCostUnit - strict_log2(sum);
    }
    return filtered;
  }

  static double probability(const FrequencyTable& table, size_t k) {
    return table.interval(k).frequency * (1.0 / (1 << kWeightPrecision));
  }

  /// p(z): forwards.
  class Prior final : public RowDistribution {
   public:
    Prior(const Hmm& hmm, size_t length) : hmm_(hmm), length_(length) {}
    size_t size() const override { return length_; }
    const FrequencyTable& table(std::span<const uint32_t> z, size_t t) const {
      return t == 0 ? hmm_.first_ : hmm_.next_[z[t - 1]];
    }
    void push(AnsStack& stack, std::span<const uint32_t> z) const override {
      for (size_t t = length_; t-- > 0;) table(z, t).push(stack, z[t]);
    }
    void pop(AnsStack& stack, std::span<uint32_t> z) const override {
      for (size_t t = 0; t < length_; ++t) z[t] = static_cast<uint32_t>(table(z, t).pop(stack));
    }
    double bits(std::span<const uint32_t> z) const override {
      double sum = 0;
      for (size_t t = 0; t < length_; ++t) sum += table(z, t).bits(z[t]);
      return sum;
    }

   private:
    const Hmm& hmm_;
    size_t length_;
  };

  class Likelihood final : public RowDistribution {
   public:
    Likelihood(const Hmm& hmm, std::span<const uint32_t> z) : hmm_(hmm), z_(z.begin(), z.end()) {}
    size_t size() const override { return z_.size() * hmm_.num_columns(); }
    void push(AnsStack& stack, std::span<const uint32_t> x) const override {
      const size_t columns = hmm_.num_columns();
      for (size_t t = z_.size(); t-- > 0;)
        hmm_.emissions().push(stack, z_[t], x.subspan(t * columns, columns));
    }
    void pop(AnsStack& stack, std::span<uint32_t> x) const override {
      const size_t columns = hmm_.num_columns();
      for (size_t t = 0; t < z_.size(); ++t)
        hmm_.emissions().pop(stack, z_[t], x.subspan(t * columns, columns));
    }
    double bits(std::span<const uint32_t> x) const override {
      const size_t columns = hmm_.num_columns();
      double sum = 0;
      for (size_t t = 0; t < z_.size(); ++t)
        sum += hmm_.emissions().bits(z_[t], x.subspan(t * columns, columns));
      return sum;
    }

   private:
    const Hmm& hmm_;
    std::vector<uint32_t> z_;
  };

  /// q(z | x) = p(z_T | x) prod p(z_t | z_{t+1}, x_1..x_t): backwards.
  class Posterior final : public RowDistribution {
   public:
    Posterior(const Hmm& hmm, std::span<const uint32_t> x)
        : hmm_(hmm), length_(x.size() / hmm.num_columns()), filtered_(hmm.filter(x, nullptr)) {}
    size_t size() const override { return length_; }
    FrequencyTable table(std::span<const uint32_t> z, size_t t) const {
      const size_t n = hmm_.components();
      std::vector<double> weights(n);
      for (size_t k = 0; k < n; ++k) {
        weights[k] = std::max(filtered_[t * n + k], 0x1p-300);
        if (t + 1 < length_) weights[k] *= probability(hmm_.next_[k], z[t + 1]);
      }
      return FrequencyTable::from_weights(weights, kWeightPrecision);
    }
    void push(AnsStack& stack, std::span<const uint32_t> z) const override {
      for (size_t t = 0; t < length_; ++t) table(z, t).push(stack, z[t]);
    }
    void pop(AnsStack& stack, std::span<uint32_t> z) const override {
      for (size_t t = length_; t-- > 0;) z[t] = static_cast<uint32_t>(table(z, t).pop(stack));
    }
    double bits(std::span<const uint32_t> z) const override {
      double sum = 0;
      for (size_t t = length_; t-- > 0;) sum += table(z, t).bits(z[t]);
      return sum;
    }

   private:
    const Hmm& hmm_;
    size_t length_;
    std::vector<double> filtered_;
  };

  class Chain final : public LatentModel {
   public:
    Chain(const Hmm& hmm, size_t length) : hmm_(hmm), length_(length) {}
    int num_layers() const override { return 1; }
    size_t layer_size(int layer) const override {
      return layer == 0 ? length_ * hmm_.num_columns() : length_;
    }
    RowDistributionPtr prior() const override { return std::make_unique<Prior>(hmm_, length_); }
    RowDistributionPtr likelihood(int, std::span<const uint32_t> above) const override {
      return std::make_unique<Likelihood>(hmm_, above);
    }
    RowDistributionPtr posterior(int, std::span<const uint32_t> below) const override {
      return std::make_unique<Posterior>(hmm_, below);
    }

   private:
    const Hmm& hmm_;
    size_t length_;
  };

  FrequencyTable first_;
  std::vector<FrequencyTable> next_;
};

}  // namespace

ComponentModelPtr make_hmm(ModelCodes codes) { return std::make_shared<Hmm>(std::move(codes)); }

}  // namespace vinci::coding
