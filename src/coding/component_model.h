// The latent-variable models of tables that are learned here, and their form as bytes.
//
// Each row has a latent component. In a mixture the components of rows are independent, in a
// hidden Markov model they are a chain. Both have an exact posterior, so that bits-back coding
// takes -log2 p(rows), whatever the components drawn; with one component nothing is latent.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coding/emissions.h"
#include "coding/table_model.h"

namespace vinci::coding {

enum class ModelKind : uint8_t { kMixture, kHmm };

/// Parameters on their grids; weights are codes of log weights (weight_table).
struct ModelCodes {
  ModelKind kind = ModelKind::kMixture;
  EmissionCodes emissions;
  std::vector<uint16_t> weights;      // [component]: of a mixture, or of the first row's component
  std::vector<uint16_t> transitions;  // [from][to], of a hidden Markov model
};

inline constexpr uint32_t kWeightCodes = 4096;
inline constexpr int kWeightPrecision = 24;
inline constexpr size_t kMaxComponents = 4096;
/// Proportional to exp(-code / 256).
FrequencyTable weight_table(std::span<const uint16_t> codes);
/// The nearest codes; weights are not negative, one is positive.
std::vector<uint16_t> weight_codes(std::span<const double> weights);

/// `mixture:8`, `hmm:4`.
std::string model_name(ModelKind kind, size_t components);

class ComponentModel : public TableModel {
 public:
  const ModelCodes& codes() const { return codes_; }
  const Emissions& emissions() const { return emissions_; }
  size_t components() const { return emissions_.components(); }
  std::string name() const override { return model_name(codes_.kind, components()); }
  uint64_t fingerprint() const override;
  std::string bytes() const override;
  std::span<const Column> columns() const override { return emissions_.codes().columns; }

  /// -log2 p(rows), all components summed over: the bound of the exact posterior, whatever the
  /// scheme. p is the quantised model; computed from integers.
  virtual double evidence_bits(std::span<const uint32_t> rows) const = 0;
  double bound_bits(std::span<const uint32_t> rows, const BitsBackOptions&,
                    uint64_t) const override {
    return evidence_bits(rows);
  }
  /// The latent-variable model of `rows` rows.
  virtual std::unique_ptr<LatentModel> latent_model(size_t rows) const = 0;

 protected:
  explicit ComponentModel(ModelCodes codes)
      : codes_(std::move(codes)), emissions_(codes_.emissions) {}

 private:
  ModelCodes codes_;
  Emissions emissions_;
};
using ComponentModelPtr = std::shared_ptr<const ComponentModel>;

/// The codes are within their limits.
ComponentModelPtr make_component_model(ModelCodes codes);
ComponentModelPtr make_mixture(ModelCodes codes);
ComponentModelPtr make_hmm(ModelCodes codes);

/// The codes, themselves coded adaptively: a few bits a parameter.
std::string serialise(const ModelCodes& codes);
/// Throws Error(kInput), a clause without a subject, where the bytes are no model.
ModelCodes parse_model(std::string_view bytes);

}  // namespace vinci::coding
