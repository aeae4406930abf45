#include "infer/family/serialise.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "infer/family/full_rank_normal.h"
#include "infer/family/low_rank_normal.h"
#include "infer/family/mean_field_normal.h"
#include "infer/family/mixture.h"
#include "infer/family/normal_of.h"
#include "infer/family/sparse_precision_normal.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void reject(const std::string& message) { throw Error(Error::Kind::kInput, message); }

const Json& member(const Json& json, const char* name) {
  const auto at = json.find(name);
  if (at == json.end()) reject(fmt::format("the approximation has no `{}`", name));
  return *at;
}

/// `least`: every number must be larger.
std::vector<double> numbers(const Json& json, const char* name, double least) {
  const Json& list = member(json, name);
  if (!list.is_array()) reject(fmt::format("`{}` of the approximation is not a list", name));
  std::vector<double> out;
  out.reserve(list.size());
  for (const Json& value : list) {
    const double x = value.is_number() ? value.get<double>() : std::nan("");
    if (!std::isfinite(x) || !(x > least)) {
      reject(fmt::format("`{}` of the approximation holds {} where a {} number belongs", name,
                         value.dump().substr(0, 40), least == 0 ? "positive" : "finite"));
    }
    out.push_back(x);
  }
  return out;
}
constexpr double kAny = -std::numeric_limits<double>::infinity();

void expect_size(const char* name, size_t size, size_t expected) {
  if (size == expected) return;
  reject(fmt::format("`{}` of the approximation has {} numbers; {} belong there", name, size,
                     expected));
}

/// Lower triangle by rows: n (n + 1) / 2 numbers.
std::vector<double> packed(const std::vector<double>& square, size_t n) {
  std::vector<double> out;
  out.reserve(n * (n + 1) / 2);
  for (size_t i = 0; i < n; ++i) {
    const auto row = square.begin() + static_cast<std::ptrdiff_t>(i * n);
    out.insert(out.end(), row, row + static_cast<std::ptrdiff_t>(i) + 1);
  }
  return out;
}

std::vector<double> unpacked(const char* name, const std::vector<double>& triangle, size_t n) {
  expect_size(name, triangle.size(), n * (n + 1) / 2);
  std::vector<double> out(n * n, 0.0);
  size_t at = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) out[i * n + j] = triangle[at++];
    if (!(out[i * n + i] > 0)) {
      reject(fmt::format("`{}` of the approximation has {} in its diagonal; it must be positive",
                         name, out[i * n + i]));
    }
  }
  return out;
}

bool write_mean_field(const Family& q, Json& json) {
  const auto* normal = dynamic_cast<const MeanFieldNormal*>(&q);
  if (normal == nullptr) return false;
  json["mean"] = normal->mean();
  json["sd"] = normal->sd();
  return true;
}

FamilyPtr read_mean_field(const Json& json) {
  std::vector<double> mean = numbers(json, "mean", kAny), sd = numbers(json, "sd", 0);
  expect_size("sd", sd.size(), mean.size());
  return std::make_shared<MeanFieldNormal>(std::move(mean), std::move(sd));
}

bool write_full_rank(const Family& q, Json& json) {
  // Other normals with correlations have a dense factor too.
  const bool correlated = dynamic_cast<const FullRankNormal*>(&q) != nullptr ||
                          dynamic_cast<const LowRankNormal*>(&q) != nullptr ||
                          dynamic_cast<const SparsePrecisionNormal*>(&q) != nullptr;
  if (!correlated) return false;
  const FullRankNormal normal = full_rank_normal_of(q);
  json["mean"] = normal.mean();
  json["factor"] = packed(normal.factor(), normal.mean().size());
  return true;
}

FamilyPtr read_full_rank(const Json& json) {
  std::vector<double> mean = numbers(json, "mean", kAny);
  std::vector<double> factor = unpacked("factor", numbers(json, "factor", kAny), mean.size());
  return std::make_shared<FullRankNormal>(std::move(mean), std::move(factor));
}

Json write(const Family& q);
FamilyPtr read(const Json& json, int depth);

bool write_mixture(const Family& q, Json& json) {
  const auto* mixture = dynamic_cast<const Mixture*>(&q);
  if (mixture == nullptr) return false;
  json["weights"] = mixture->weights();
  json["components"] = Json::array();
  for (const NormalPtr& part : mixture->components()) json["components"].push_back(write(*part));
  return true;
}

FamilyPtr read_mixture(const Json& json, int depth) {
  std::vector<double> weights = numbers(json, "weights", kAny);
  const Json& list = member(json, "components");
  if (!list.is_array() || list.empty()) reject("`components` of the approximation is no list");
  expect_size("weights", weights.size(), list.size());
  double total = 0;
  for (const double w : weights) {
    if (w < 0) reject(fmt::format("`weights` of the approximation holds {}; none is negative", w));
    total += w;
  }
  if (!(total > 0)) reject("`weights` of the approximation are all zero");
  std::vector<NormalPtr> parts;
  for (const Json& part : list) {
    auto normal = std::dynamic_pointer_cast<const NormalFamily>(read(part, depth + 1));
    if (!normal) reject("a component of the approximation is not a normal");
    if (!parts.empty() && normal->dim() != parts.front()->dim()) {
      reject("the components of the approximation differ in dimension");
    }
    parts.push_back(std::move(normal));
  }
  return std::make_shared<Mixture>(std::move(parts), std::move(weights));
}

/// What is known of a family: the word in the file, how to write it (false: q is of another
/// family), how to read it. A new family adds its row.
struct Kind {
  std::string_view name;
  bool (*write)(const Family& q, Json& json);
  FamilyPtr (*read)(const Json& json, int depth);
};
constexpr std::array<Kind, 3> kKinds = {{
    {"mean-field normal", write_mean_field,
     [](const Json& json, int) { return read_mean_field(json); }},
    {"full-rank normal", write_full_rank,
     [](const Json& json, int) { return read_full_rank(json); }},
    {"mixture", write_mixture, read_mixture},
}};

Json write_marginals(const Family& q) {
  Json json{{"kind", "mean-field normal"}, {"stands_for", q.describe()}};
  write_mean_field(mean_field_normal_of(q), json);
  return json;
}

Json write(const Family& q) {
  for (const Kind& kind : kKinds) {
    Json json{{"kind", kind.name}};
    if (kind.write(q, json)) return json;
  }
  return write_marginals(q);
}

FamilyPtr read(const Json& json, int depth) {
  constexpr int kMaxDepth = 4;
  if (!json.is_object()) reject("the approximation is not an object");
  if (depth > kMaxDepth) reject("the approximation is nested too deep");
  const Json& word = member(json, "kind");
  std::string known;
  for (const Kind& kind : kKinds) {
    if (word == kind.name) {
      FamilyPtr q = kind.read(json, depth);
      if (q->dim() == 0) reject("the approximation has no coordinates");
      return q;
    }
    known += fmt::format("{}{}", known.empty() ? "" : ", ", kind.name);
  }
  reject(fmt::format("the approximation is of kind {}; it must be one of {}",
                     word.dump().substr(0, 60), known));
}

}  // namespace

std::string to_json(const Family& q, Index max_dense_dim) {
  return (q.dim() > max_dense_dim ? write_marginals(q) : write(q)).dump();
}

FamilyPtr family_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) reject("the approximation is not JSON");
  return read(json, 0);
}

}  // namespace vinci::infer
