// A mixture: row ~ sum_k w_k prod_c p_c(. | k).  The posterior of a row's component is exact.
#include <algorithm>
#include <limits>

#include "coding/component_model.h"
#include "coding/strict_math.h"

namespace vinci::coding {

namespace {

class OneTable final : public RowDistribution {
 public:
  explicit OneTable(const FrequencyTable& table) : table_(table) {}
  size_t size() const override { return 1; }
  void push(AnsStack& stack, std::span<const uint32_t> symbols) const override {
    table_.push(stack, symbols[0]);
  }
  void pop(AnsStack& stack, std::span<uint32_t> symbols) const override {
    symbols[0] = static_cast<uint32_t>(table_.pop(stack));
  }
  double bits(std::span<const uint32_t> symbols) const override { return table_.bits(symbols[0]); }

 private:
  const FrequencyTable& table_;
};

class Mixture final : public ComponentModel {
 public:
  explicit Mixture(ModelCodes codes)
      : ComponentModel(std::move(codes)), weights_(weight_table(this->codes().weights)) {}

  void encode(AnsStack& stack, std::span<const uint32_t> rows,
              const BitsBackOptions& options) const override {
    const Row model(*this);
    for (size_t end = rows.size(); end > 0; end -= num_columns())
      encode_bits_back(stack, model, rows.subspan(end - num_columns(), num_columns()), options);
  }

  void decode(AnsStack& stack, std::span<uint32_t> rows,
              const BitsBackOptions& options) const override {
    const Row model(*this);
    for (size_t at = 0; at < rows.size(); at += num_columns())
      decode_bits_back(stack, model, rows.subspan(at, num_columns()), options);
  }

  double evidence_bits(std::span<const uint32_t> rows) const override {
    double bits = 0;
    std::vector<int64_t> costs(components());
    for (size_t at = 0; at < rows.size(); at += num_columns()) {
      emissions().costs(rows.subspan(at, num_columns()), costs);
      const int64_t least = *std::min_element(costs.begin(), costs.end());
      double sum = 0;
      for (size_t k = 0; k < costs.size(); ++k)
        sum += weights_.interval(k).frequency * ratio(costs[k] - least);
      bits +=
          static_cast<double>(least) * Emissions::kCostUnit + kWeightPrecision - strict_log2(sum);
    }
    return bits;
  }

  std::unique_ptr<LatentModel> latent_model(size_t) const override {
    return std::make_unique<Row>(*this);
  }

 private:
  static double ratio(int64_t cost) {
    return strict_exp2(-Emissions::kCostUnit * static_cast<double>(cost));
  }

  class Row final : public LatentModel {
   public:
    explicit Row(const Mixture& mixture) : mixture_(mixture) {}
    int num_layers() const override { return 1; }
    size_t layer_size(int layer) const override { return layer == 0 ? mixture_.num_columns() : 1; }
    RowDistributionPtr prior() const override {
      return std::make_unique<OneTable>(mixture_.weights_);
    }
    RowDistributionPtr likelihood(int, std::span<const uint32_t> above) const override {
      return mixture_.emissions().row(above[0]);
    }
    RowDistributionPtr posterior(int, std::span<const uint32_t> below) const override {
      std::vector<int64_t> costs(mixture_.components());
      mixture_.emissions().costs(below, costs);
      const int64_t least = *std::min_element(costs.begin(), costs.end());
      std::vector<double> weights(costs.size());
      for (size_t k = 0; k < costs.size(); ++k)
        weights[k] =
            mixture_.weights_.interval(k).frequency * std::max(ratio(costs[k] - least), 0x1p-60);
      std::vector<FrequencyTable> table;
      table.push_back(FrequencyTable::from_weights(weights, kWeightPrecision));
      return table_row(std::move(table));
    }

   private:
    const Mixture& mixture_;
  };

  FrequencyTable weights_;
};

}  // namespace

ComponentModelPtr make_mixture(ModelCodes codes) {
  return std::make_shared<Mixture>(std::move(codes));
}

}  // namespace vinci::coding
