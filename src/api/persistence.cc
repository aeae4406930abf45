#include "api/persistence.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "draws/atomic_file.h"
#include "draws/draws.h"
#include "infer/family/full_rank_normal.h"
#include "infer/family/mean_field_normal.h"
#include "infer/family/normal_of.h"
#include "infer/family/serialise.h"
#include "numeric/random/random_stream.h"
#include "vinci/error.h"
#include "vinci/version.h"

namespace vinci::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint32_t kStartStream = 0x73746172;
constexpr int kFormat = 1;

[[noreturn]] void reject(const std::string& message) { throw Error(Error::Kind::kInput, message); }

/// FNV-1a, with the length of each part, so that parts cannot run into each other.
class Hash {
 public:
  void add(std::string_view bytes) {
    add(static_cast<uint64_t>(bytes.size()));
    for (const char c : bytes) mix(static_cast<unsigned char>(c));
  }
  void add(uint64_t word) {
    for (int i = 0; i < 8; ++i) mix(static_cast<unsigned char>(word >> (8 * i)));
  }
  void add(double x) { add(std::bit_cast<uint64_t>(x)); }
  std::string text() const { return fmt::format("{:016x}", state_); }

 private:
  void mix(unsigned char byte) { state_ = (state_ ^ byte) * 0x100000001b3u; }
  uint64_t state_ = 0xcbf29ce484222325u;
};

void add_value(Hash& hash, const data::DataValue& value) {
  hash.add(static_cast<uint64_t>(value.dims.size()));
  for (const int64_t size : value.dims) hash.add(static_cast<uint64_t>(size));
  hash.add(static_cast<uint64_t>(value.values.size()));
  for (const double x : value.values) hash.add(x);
  hash.add(static_cast<uint64_t>(value.members.size()));
  for (const data::DataValue& part : value.members) add_value(hash, part);
}

/// Discarded where the text is not JSON, or nested deeper than anything that vinci writes: handling
/// a value takes stack in proportion to its depth.
template <class Input>
Json parse(Input&& input) {
  constexpr int kMaxDepth = 16;
  bool too_deep = false;
  Json json = Json::parse(
      std::forward<Input>(input),
      [&](int depth, Json::parse_event_t, Json&) {
        too_deep = too_deep || depth > kMaxDepth;
        return depth <= kMaxDepth;
      },
      false);
  return too_deep ? Json(Json::value_t::discarded) : json;
}

/// A member of the right type, or a rejection that names it.
template <class T>
T take(const Json& json, const char* name, const std::string& path) {
  try {
    return json.at(name).get<T>();
  } catch (const Json::exception&) {
    reject(fmt::format("The checkpoint {} is damaged: `{}` is missing or of another type.", path,
                       name));
  }
}

}  // namespace

std::vector<std::string> bracket_names(const std::vector<std::string>& columns) {
  std::vector<std::string> names;
  names.reserve(columns.size());
  for (const std::string& column : columns) names.push_back(draws::bracket_name(column));
  return names;
}

std::vector<std::string> coordinate_names(const model::Model& model) {
  return bracket_names(model.unconstrained_names());
}

std::string fingerprint(const source::SourceMap& sources) {
  Hash hash;
  for (int32_t i = 0; i < sources.size(); ++i) hash.add(sources[source::FileId{i}].text());
  return hash.text();
}

std::string fingerprint(const data::DataTable& table) {
  // Whatever the order in which values were given.
  std::vector<const std::pair<std::string, data::DataValue>*> entries;
  for (const auto& entry : table) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  Hash hash;
  for (const auto* entry : entries) {
    hash.add(entry->first);
    add_value(hash, entry->second);
  }
  return hash.text();
}

void write_checkpoint(const std::string& path, const SavedFit& fit) {
  Json json;
  json["vinci_checkpoint"] = kFormat;
  json["vinci_version"] = fit.version;
  json["program"] = fit.program;
  json["program_fingerprint"] = fit.program_fingerprint;
  json["data_fingerprint"] = fit.data_fingerprint;
  json["seed"] = fit.seed;
  json["method"] = fit.method;
  json["family"] = fit.family;
  json["stage"] = fit.state.stage;
  json["iteration"] = fit.state.iteration;
  json["evaluations"] = fit.state.evaluations;
  json["seconds"] = fit.state.seconds;
  json["elbo"] = fit.state.elbo;
  json["unconstrained_names"] = fit.unconstrained_names;
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.pop_back();
  // A run that goes on needs q itself, whatever its size.
  text += ",\"approximation\":" + infer::to_json(*fit.state.q, std::numeric_limits<Index>::max()) +
          "}\n";
  draws::write_file_atomically(path, [&](draws::FileWriter& writer) { writer.write(text); });
}

SavedFit read_checkpoint(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) reject(fmt::format("The checkpoint {} cannot be read.", path));
  const Json json = parse(file);
  if (!json.is_object() || !json.contains("vinci_checkpoint")) {
    reject(fmt::format("The file {} is not a checkpoint of vinci fit.", path));
  }
  SavedFit fit;
  fit.version = take<std::string>(json, "vinci_version", path);
  if (json["vinci_checkpoint"] != kFormat || fit.version != kVersion) {
    reject(
        fmt::format("The checkpoint {} was written by vinci {}; this is {}. Its approximation can "
                    "still be the start of a new fit: --init {}.",
                    path, fit.version, kVersion, path));
  }
  fit.program = take<std::string>(json, "program", path);
  fit.program_fingerprint = take<std::string>(json, "program_fingerprint", path);
  fit.data_fingerprint = take<std::string>(json, "data_fingerprint", path);
  fit.seed = take<uint64_t>(json, "seed", path);
  fit.method = take<std::string>(json, "method", path);
  fit.family = take<std::string>(json, "family", path);
  fit.unconstrained_names = take<std::vector<std::string>>(json, "unconstrained_names", path);
  fit.state.stage = take<std::string>(json, "stage", path);
  fit.state.iteration = take<Index>(json, "iteration", path);
  fit.state.evaluations = take<int64_t>(json, "evaluations", path);
  fit.state.seconds = take<double>(json, "seconds", path);
  if (json.contains("elbo") && json["elbo"].is_number()) fit.state.elbo = json["elbo"];
  try {
    fit.state.q = infer::family_from_json(take<Json>(json, "approximation", path).dump());
  } catch (const Error& error) {
    reject(fmt::format("The checkpoint {} is damaged: {}.", path, error.what()));
  }
  if (static_cast<size_t>(fit.state.q->dim()) != fit.unconstrained_names.size()) {
    reject(fmt::format("The checkpoint {} is damaged: {} names for {} coordinates.", path,
                       fit.unconstrained_names.size(), fit.state.q->dim()));
  }
  return fit;
}

std::optional<WarmStart> start_from_record(std::string_view text,
                                           const std::vector<std::string>& names,
                                           Index max_dense_dim, uint64_t seed) {
  // Initial values have no such key; a whole parse of them is not worth the while.
  if (text.find("\"vinci_version\"") == std::string_view::npos) return std::nullopt;
  const Json json = parse(text);
  if (!json.is_object() || !json.contains("vinci_version")) return std::nullopt;
  if (!json.contains("approximation") || !json["approximation"].is_object() ||
      !json.contains("unconstrained_names") || !json["unconstrained_names"].is_array()) {
    reject("the run record holds no approximation to start from");
  }
  const infer::FamilyPtr q = infer::family_from_json(json["approximation"].dump());
  std::unordered_map<std::string, Index> known;
  for (const Json& name : json["unconstrained_names"]) {
    if (name.is_string()) known.emplace(name.get<std::string>(), std::ssize(known));
  }
  if (std::ssize(known) != q->dim() ||
      json["unconstrained_names"].size() != static_cast<size_t>(q->dim())) {
    reject(fmt::format("the run record has {} names for {} coordinates",
                       json["unconstrained_names"].size(), q->dim()));
  }
  const auto dim = std::ssize(names);
  std::vector<Index> kept, place;  // coordinates of the old q, and where they go
  for (Index i = 0; i < dim; ++i) {
    const auto found = known.find(names[static_cast<size_t>(i)]);
    if (found == known.end()) continue;
    kept.push_back(found->second);
    place.push_back(i);
  }
  if (kept.empty()) reject("no parameter of the run record is one of the program's");

  WarmStart start;
  start.num_matched = kept.size();
  numeric::RandomStream random(seed, kStartStream);
  std::vector<double> mean;
  for (Index i = 0; i < dim; ++i) mean.push_back(random.uniform(-2, 2));
  const auto old_mean = infer::mean_field_normal_of(*q);
  std::vector<double> sd(static_cast<size_t>(dim), 1.0);
  for (size_t k = 0; k < kept.size(); ++k) {
    mean[static_cast<size_t>(place[k])] = old_mean.mean()[static_cast<size_t>(kept[k])];
    sd[static_cast<size_t>(place[k])] = old_mean.sd()[static_cast<size_t>(kept[k])];
  }
  start.point = mean;
  const bool same = start.num_matched == names.size() && dim == q->dim() && kept == place;
  if (same) {
    start.q = q;
  } else if (std::max<Index>(dim, q->dim()) > max_dense_dim) {
    start.q = std::make_shared<infer::MeanFieldNormal>(std::move(mean), std::move(sd));
  } else {
    // Rows of the kept coordinates' factor spread out; the order is kept, so it stays triangular.
    const auto part = infer::marginal_of(infer::full_rank_normal_of(*q), kept);
    const size_t n = names.size(), m = kept.size();
    std::vector<double> factor(n * n, 0.0);
    for (size_t i = 0; i < n; ++i) factor[i * n + i] = 1;
    for (size_t k = 0; k < m; ++k) {
      for (size_t l = 0; l <= k; ++l) {
        factor[static_cast<size_t>(place[k]) * n + static_cast<size_t>(place[l])] =
            part.factor()[k * m + l];
      }
    }
    start.q = std::make_shared<infer::FullRankNormal>(std::move(mean), std::move(factor));
  }
  return start;
}

}  // namespace vinci::api
