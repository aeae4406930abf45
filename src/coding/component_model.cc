#include "coding/component_model.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "coding/adaptive.h"
#include "coding/bytes.h"
#include "coding/strict_math.h"
#include "dataset/table_file.h"
#include "vinci/error.h"

namespace vinci::coding {

namespace {

[[noreturn]] void not_a_model() {
  throw Error(Error::Kind::kInput, "does not hold a model, or a damaged one");
}

/// All codes with their limits, in the order in which they are stored: codes of one limit and kind
/// together, since these have a distribution in common.
template <class Visit>
void visit_codes(ModelCodes& codes, Visit&& visit) {
  for (uint16_t& code : codes.weights) visit(0, kWeightCodes, code);
  for (uint16_t& code : codes.transitions) visit(1, kWeightCodes, code);
  size_t at = 0;
  for (const Column& column : codes.emissions.columns) {
    const size_t count = codes_of_column(column);
    for (size_t k = 0; k < codes.emissions.components; ++k) {
      for (size_t i = 0; i < count; ++i) {
        const uint32_t limit = code_limit(column, i);
        const int kind = column.shape == ColumnShape::kNormal  ? 8 + static_cast<int>(i)
                         : column.shape == ColumnShape::kTable ? 10
                         : column.size == 2                    ? 2
                         : column.size > kMaxCategories        ? 3 + static_cast<int>(i)
                                                               : 7;
        visit(kind, limit, codes.emissions.codes[at++]);
      }
    }
  }
}
constexpr int kCodeKinds = 11;

/// The low bits of codes on fine grids, which are stored as they are.
int plain_bits(uint32_t limit) { return limit == 65536 ? 8 : limit == 4096 ? 6 : 0; }

}  // namespace

FrequencyTable weight_table(std::span<const uint16_t> codes) {
  std::vector<double> weights;
  weights.reserve(codes.size());
  for (const uint16_t code : codes) weights.push_back(strict_exp(-static_cast<double>(code) / 256));
  return FrequencyTable::from_weights(weights, kWeightPrecision);
}

std::vector<uint16_t> weight_codes(std::span<const double> weights) {
  const double largest = *std::max_element(weights.begin(), weights.end());
  std::vector<uint16_t> codes;
  for (const double w : weights)
    codes.push_back(static_cast<uint16_t>(
        std::clamp(std::round(-256 * std::log(w / largest)), 0.0, kWeightCodes - 1.0)));
  return codes;
}

std::string model_name(ModelKind kind, size_t components) {
  return (kind == ModelKind::kMixture ? "mixture:" : "hmm:") + std::to_string(components);
}

ComponentModelPtr make_component_model(ModelCodes codes) {
  return codes.kind == ModelKind::kMixture ? make_mixture(std::move(codes))
                                           : make_hmm(std::move(codes));
}

std::string serialise(const ModelCodes& given) {
  ModelCodes codes = given;
  std::string out;
  out += static_cast<char>(codes.kind);
  put_varint(out, codes.emissions.components);
  put_varint(out, codes.emissions.columns.size());
  // Runs of equal columns: images have hundreds.
  const auto& columns = codes.emissions.columns;
  for (size_t c = 0; c < columns.size();) {
    size_t run = 1;
    while (c + run < columns.size() && columns[c + run] == columns[c]) ++run;
    put_varint(out, run);
    put_signed(out, columns[c].low);
    put_varint(out, columns[c].size);
    put_varint(out, columns[c].shift);
    out += static_cast<char>(columns[c].shape);
    c += run;
  }
  // Each kind learns its own distribution; fine grids are split in a coarse and a plain part, so
  // that they learn fast.
  std::vector<std::vector<uint32_t>> symbols(kCodeKinds);
  std::vector<std::vector<uint32_t>> plain(kCodeKinds);
  std::vector<int> shifts(kCodeKinds);
  visit_codes(codes, [&](int kind, uint32_t limit, uint16_t code) {
    const auto k = static_cast<size_t>(kind);
    shifts[k] = plain_bits(limit);
    symbols[k].push_back(static_cast<uint32_t>(code >> shifts[k]));
    plain[k].push_back(code & ((1u << shifts[k]) - 1));
  });
  AnsStack stack(0);
  for (size_t k = kCodeKinds; k-- > 0;) {
    for (size_t i = plain[k].size(); i-- > 0;) stack.push_bits(plain[k][i], shifts[k]);
    encode_adaptive(stack, AdaptiveModel(512, 20, 16), symbols[k]);
  }
  const AnsState state = stack.state();
  put_u64(out, state.head);
  for (const uint32_t word : state.words) put_u32(out, word);
  return out;
}

ModelCodes parse_model(std::string_view bytes) {
  ByteReader in(bytes);
  ModelCodes codes;
  const uint8_t kind = in.u8();
  codes.emissions.components = in.varint();
  const uint64_t num_columns = in.varint();
  in.require(kind <= 1 && codes.emissions.components >= 1 &&
             codes.emissions.components <= kMaxComponents && num_columns >= 1 &&
             num_columns <= dataset::kMaxColumns);
  codes.kind = static_cast<ModelKind>(kind);
  uint64_t cells = 0;
  uint64_t count = 0;
  while (in.ok() && codes.emissions.columns.size() < num_columns) {
    const uint64_t run = in.varint();
    Column column;
    column.low = in.signed_number();
    const uint64_t size = in.varint();
    const uint64_t shift = in.varint();
    const uint8_t shape = in.u8();
    in.require(run >= 1 && run <= num_columns - codes.emissions.columns.size() && size >= 1 &&
               size <= kMaxColumnSymbols && shift < 64 &&
               shape <= static_cast<uint8_t>(ColumnShape::kTable));
    if (!in.ok()) break;
    column.size = static_cast<uint32_t>(size);
    column.shift = static_cast<uint32_t>(shift);
    column.shape = static_cast<ColumnShape>(shape);
    cells += run * size;
    count += run * codes_of_column(column);
    in.require(cells * codes.emissions.components <= kMaxEmissionCells);
    if (in.ok()) codes.emissions.columns.insert(codes.emissions.columns.end(), run, column);
  }
  const size_t n = codes.emissions.components;
  const bool is_hmm = codes.kind == ModelKind::kHmm;
  in.require(!is_hmm || n * n <= kMaxEmissionCells);
  AnsState state;
  state.head = in.u64();
  in.require(in.left() % 4 == 0 && AnsStack::is_valid(state));
  // The most frequent code costs 2^-11 bits at least: few bytes cannot stand for millions of codes.
  in.require((count + 1) * n + (is_hmm ? n * n : 0) <= 16384 * bytes.size());
  if (!in.ok()) not_a_model();
  while (in.left() > 0) state.words.push_back(in.u32());
  codes.weights.resize(n);
  codes.transitions.resize(is_hmm ? n * n : 0);
  codes.emissions.codes.resize(count * n);
  std::vector<size_t> sizes(kCodeKinds);
  std::vector<int> shifts(kCodeKinds);
  visit_codes(codes, [&](int k, uint32_t limit, uint16_t&) {
    ++sizes[static_cast<size_t>(k)];
    shifts[static_cast<size_t>(k)] = plain_bits(limit);
  });
  AnsStack stack(std::move(state), 0);
  std::vector<std::vector<uint32_t>> symbols(kCodeKinds);
  for (size_t k = 0; k < kCodeKinds; ++k) {
    symbols[k].resize(sizes[k]);
    decode_adaptive(stack, AdaptiveModel(512, 20, 16), symbols[k]);
    for (uint32_t& s : symbols[k])
      s = s << shifts[k] | static_cast<uint32_t>(stack.pop_bits(shifts[k]));
  }
  if (!stack.is_back_at_start()) not_a_model();
  std::vector<size_t> at(kCodeKinds);
  bool within = true;
  visit_codes(codes, [&](int kind_of, uint32_t limit, uint16_t& code) {
    const auto k = static_cast<size_t>(kind_of);
    const uint32_t symbol = symbols[k][at[k]++];
    within = within && symbol < limit;
    code = static_cast<uint16_t>(symbol);
  });
  if (!within) not_a_model();
  return codes;
}

std::string ComponentModel::bytes() const { return serialise(codes_); }

uint64_t ComponentModel::fingerprint() const {
  // Their coding is a function of the codes; the version of the tables made from them counts too.
  return hash_bytes("tables 1 " + serialise(codes_));
}

}  // namespace vinci::coding
