// The built-in latent-variable models of tables of integers, and their form as bytes.
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

#include "coding/bits_back.h"
#include "coding/emissions.h"

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

class TableModel {
 public:
  virtual ~TableModel() = default;
  const ModelCodes& codes() const { return codes_; }
  const Emissions& emissions() const { return emissions_; }
  size_t columns() const { return emissions_.columns(); }
  size_t components() const { return emissions_.components(); }
  /// `mixture:8`, `hmm:4`.
  std::string name() const { return model_name(codes_.kind, components()); }

  /// `rows` are of one chunk, row after row; decode gives them in order.
  virtual void encode(AnsStack& stack, std::span<const uint32_t> rows,
                      const BitsBackOptions& options) const = 0;
  virtual void decode(AnsStack& stack, std::span<uint32_t> rows,
                      const BitsBackOptions& options) const = 0;
  /// -log2 p(rows), all components summed over: the negative ELBO of the exact posterior. p is the
  /// quantised model; computed from integers, not by the coder.
  virtual double bound_bits(std::span<const uint32_t> rows) const = 0;
  /// The latent-variable model of `rows` rows.
  virtual std::unique_ptr<LatentModel> latent_model(size_t rows) const = 0;

 protected:
  explicit TableModel(ModelCodes codes) : codes_(std::move(codes)), emissions_(codes_.emissions) {}

 private:
  ModelCodes codes_;
  Emissions emissions_;
};
using TableModelPtr = std::shared_ptr<const TableModel>;

/// The codes are within their limits.
TableModelPtr make_table_model(ModelCodes codes);
TableModelPtr make_mixture(ModelCodes codes);
TableModelPtr make_hmm(ModelCodes codes);

/// The codes, themselves coded adaptively: a few bits a parameter.
std::string serialise(const ModelCodes& codes);
/// Throws Error(kInput), a clause without a subject, where the bytes are no model.
ModelCodes parse_model(std::string_view bytes);
/// 64 bits of the codes' meaning, whatever their coding.
uint64_t fingerprint(const ModelCodes& codes);

}  // namespace vinci::coding
