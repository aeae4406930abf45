#include "api/factor_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "source/suggest.h"

namespace vinci::api {
namespace {

using infer::Support;
using model::ParameterElement;
using model::ParameterInfo;
using source::Diagnostic;
using source::DiagnosticKind;

std::string_view lives_on(Support support) {
  switch (support) {
    case Support::kReal:
      return "the real numbers";
    case Support::kPositive:
      return "the positive numbers";
    case Support::kUnitInterval:
      return "the numbers between 0 and 1";
    case Support::kSimplex:
      return "simplexes";
    case Support::kCircle:
      return "angles (unbounded, or between bounds that are 2 pi apart)";
    default:
      return "whole numbers";
  }
}

std::string declared_on(const ParameterElement& e) {
  using S = ParameterElement::Support;
  switch (e.support) {
    case S::kReal:
      return "is unbounded";
    case S::kPositive:
      return "is declared with lower=0";
    case S::kUnitInterval:
    case S::kInterval:
      return fmt::format("is declared with lower={:.6g}, upper={:.6g}", e.low, e.high);
    case S::kSimplex:
      return "is a simplex";
    case S::kOther:
      break;
  }
  if (std::isfinite(e.low)) return fmt::format("is declared with lower={:.6g}", e.low);
  if (std::isfinite(e.high)) return fmt::format("is declared with upper={:.6g}", e.high);
  return "has a constraint for which there is no factor";
}

bool is_turn(const ParameterElement& e) {
  return std::abs(e.high - e.low - 2 * std::numbers::pi) < 1e-6;
}

/// The words that suit an element, best known first.
std::vector<std::string_view> suitable(const ParameterElement& e) {
  using S = ParameterElement::Support;
  switch (e.support) {
    case S::kReal: {
      std::vector<std::string_view> words = infer::factor_words(Support::kReal);
      for (const auto w : infer::factor_words(Support::kCircle)) words.push_back(w);
      return words;
    }
    case S::kPositive:
      return infer::factor_words(Support::kPositive);
    case S::kUnitInterval:
      return infer::factor_words(Support::kUnitInterval);
    case S::kSimplex:
      return infer::factor_words(Support::kSimplex);
    case S::kInterval:
      if (is_turn(e)) return infer::factor_words(Support::kCircle);
      return {};
    case S::kOther:
      return {};
  }
  return {};
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string out;
  for (const auto w : words) out += fmt::format("{}{}", out.empty() ? "" : ", ", w);
  return out;
}

infer::ContinuousFactorPtr factor_for(std::string_view word, const ParameterElement& e) {
  if (word == "von-mises" && e.support == ParameterElement::Support::kInterval) {
    return infer::von_mises_factor_on(e.low);
  }
  return infer::make_factor(word, e.num_coordinates + 1);
}

/// Whether the density is the same a full turn away: what an unbounded angle needs. Looked at in a
/// few places.
bool is_periodic(const model::Model& model, int64_t coordinate) {
  constexpr Index kPlaces = 4;
  const Index dim = model.dim();
  std::vector<double> z(static_cast<size_t>(dim * 2 * kPlaces));
  for (Index d = 0; d < dim; ++d) {
    for (Index l = 0; l < 2 * kPlaces; ++l) {
      // Spread over (-1, 1), apart by the golden ratio.
      const double t = 0.618034 * static_cast<double>(d + 1) * static_cast<double>(l / 2 + 1);
      z[static_cast<size_t>(d * 2 * kPlaces + l)] =
          2 * (t - std::floor(t)) - 1 +
          (d == coordinate && l % 2 == 1 ? 2 * std::numbers::pi : 0.0);
    }
  }
  double value[2 * kPlaces];
  model.evaluate({z.data(), dim, 2 * kPlaces, 2 * kPlaces}, value, {nullptr, 0, 0, 0});
  for (Index k = 0; k < kPlaces; ++k) {
    const double here = value[2 * k], there = value[2 * k + 1];
    if (std::isfinite(here) != std::isfinite(there)) return false;
    if (std::isfinite(here) && std::abs(here - there) > 1e-8 * (1 + std::abs(here))) return false;
  }
  return true;
}

/// Parameters and their elements by name; what else a name may mean.
class Names {
 public:
  explicit Names(const model::Model& model) : model_(model) {}

  /// The elements that `name` stands for; empty where there is none.
  std::vector<const ParameterElement*> elements(std::string_view name) const {
    std::vector<const ParameterElement*> out;
    for (const ParameterInfo& p : model_.parameters()) {
      for (const ParameterElement& e : p.elements) {
        if (p.name == name || e.name == name) out.push_back(&e);
      }
    }
    return out;
  }
  const ParameterInfo* parameter(std::string_view name) const {
    for (const ParameterInfo& p : model_.parameters()) {
      if (p.name == name) return &p;
    }
    return nullptr;
  }

  void report_unknown(const std::string& where, std::string_view name,
                      source::DiagnosticSink& sink) const {
    if (const ParameterInfo* empty = parameter(name); empty != nullptr) {
      sink.error(DiagnosticKind::kOption, {}, fmt::format("{}: `{}` has no elements", where, name));
      return;
    }
    for (const model::VariableInfo& v : model_.variables()) {
      if (v.name != name) continue;
      const bool transformed = v.block == model::VariableInfo::Block::kTransformedParameters;
      sink.error(DiagnosticKind::kOption, {},
                 fmt::format("{}: `{}` is a {}; only parameters can be named here", where, name,
                             transformed ? "transformed parameter" : "generated quantity"));
      return;
    }
    std::vector<std::string> known;
    const std::string_view base = name.substr(0, name.find('['));
    for (const ParameterInfo& p : model_.parameters()) {
      known.push_back(p.name);
      if (p.name != base || base == name || p.elements.empty()) continue;
      sink.error(DiagnosticKind::kOption, {},
                 fmt::format("{}: `{}` has no element `{}`", where, base, name))
          .with_hint(p.elements.size() == 1
                         ? fmt::format("name the whole of `{}`", base)
                         : fmt::format("its elements are `{}` to `{}`", p.elements.front().name,
                                       p.elements.back().name));
      return;
    }
    Diagnostic& d = sink.error(DiagnosticKind::kOption, {},
                               fmt::format("{}: the program has no parameter `{}`", where, name));
    const std::string near = source::did_you_mean(name, known);
    if (!near.empty()) {
      d.with_hint(fmt::format("did you mean `{}`?", near));
    } else if (!known.empty()) {
      std::string all;
      for (size_t k = 0; k < std::min<size_t>(known.size(), 12); ++k) {
        all += (k == 0 ? "" : ", ") + known[k];
      }
      d.with_hint(fmt::format("its parameters are {}{}", all, known.size() > 12 ? ", …" : ""));
    }
  }

 private:
  const model::Model& model_;
};

/// The canonical word, or empty after a report.
std::string_view known_word(const std::string& where, std::string_view word,
                            source::DiagnosticSink& sink) {
  const std::string_view found = infer::canonical_factor_word(word);
  if (!found.empty()) return found;
  std::vector<std::string_view> all;
  for (const Support s : {Support::kPositive, Support::kUnitInterval, Support::kSimplex,
                          Support::kReal, Support::kCircle}) {
    for (const auto w : infer::factor_words(s)) all.push_back(w);
  }
  Diagnostic& d =
      sink.error(DiagnosticKind::kOption, {},
                 word.empty() ? fmt::format("{}: a factor's name must follow `=`", where)
                              : fmt::format("{}: there is no factor `{}`", where, word));
  const std::string near = source::did_you_mean(word, all);
  d.with_hint(near.empty() ? "factors are " + joined(all)
                           : fmt::format("did you mean `{}`?", near));
  return {};
}

}  // namespace

std::vector<std::string> split_names(std::string_view list) {
  std::vector<std::string> out;
  if (list.empty()) return out;
  out.emplace_back();
  int depth = 0;
  for (const char c : list) {
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (c == ',' && depth <= 0) {
      out.emplace_back();
    } else if (c != ' ') {
      out.back().push_back(c);
    }
  }
  return out;
}

bool choose_factors(std::string_view list, const model::Model& model, infer::FitOptions& options,
                    source::DiagnosticSink& sink) {
  const int errors = sink.num_errors();
  const Names names(model);
  std::set<int64_t> taken;
  for (const std::string& item : split_names(list)) {
    const std::string where = fmt::format("`--family {}`", item);
    const size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0) {
      sink.error(DiagnosticKind::kOption, {},
                 fmt::format("{}: expected PARAMETER=FACTOR, such as `r=gamma`", where));
      continue;
    }
    const std::string name = item.substr(0, equals);
    const std::string_view word =
        known_word(where, std::string_view(item).substr(equals + 1), sink);
    const std::vector<const ParameterElement*> elements = names.elements(name);
    if (elements.empty()) names.report_unknown(where, name, sink);
    if (elements.empty() || word.empty()) continue;
    for (const ParameterElement* e : elements) {
      const std::vector<std::string_view> words = suitable(*e);
      if (std::find(words.begin(), words.end(), word) == words.end()) {
        sink.error(DiagnosticKind::kOption, {},
                   fmt::format("{}: `{}` lives on {}; `{}` {}", where, word,
                               lives_on(infer::factor_support(word)), e->name, declared_on(*e)))
            .with_hint(words.empty() ? fmt::format("leave `{}` out: it then gets a normal in its "
                                                   "unconstrained coordinates",
                                                   e->name)
                                     : fmt::format("for `{}`: {}", e->name, joined(words)));
        break;
      }
      if (word == "von-mises" && e->support == ParameterElement::Support::kReal &&
          !is_periodic(model, e->first_coordinate)) {
        sink.error(DiagnosticKind::kOption, {},
                   fmt::format("{}: `von-mises` lives on angles; the density changes when `{}` "
                               "makes a full turn",
                               where, e->name))
            .with_hint(fmt::format("declare `{}` with <lower=-pi(), upper=pi()>, or use `normal`",
                                   e->name));
        break;
      }
      if (!taken.insert(e->first_coordinate).second) {
        sink.error(
            DiagnosticKind::kOption, {},
            fmt::format("{}: `{}` has a factor already; each parameter takes one", where, e->name));
        break;
      }
      options.factors.push_back({e->name, factor_for(word, *e), e->first_coordinate, true});
    }
  }
  return sink.num_errors() == errors;
}

bool choose_points(std::string_view list, const model::Model& model, infer::FitOptions& options,
                   source::DiagnosticSink& sink) {
  const int errors = sink.num_errors();
  const Names names(model);
  std::set<std::string> seen;
  for (const std::string& name : split_names(list)) {
    const std::string where = fmt::format("`--point {}`", name);
    const ParameterInfo* p = names.parameter(name);
    if (p == nullptr || p->elements.empty()) {
      const std::vector<const ParameterElement*> elements = names.elements(name);
      if (elements.empty()) {
        names.report_unknown(where, name, sink);
      } else {
        sink.error(DiagnosticKind::kOption, {},
                   fmt::format("{}: points are whole parameters", where))
            .with_hint(fmt::format("name `{}`", name.substr(0, name.find('['))));
      }
      continue;
    }
    if (!seen.insert(name).second) {
      sink.error(DiagnosticKind::kOption, {}, fmt::format("{}: it is named twice", where));
      continue;
    }
    const auto inside = [p](int64_t k) {
      return k >= p->first_coordinate && k < p->first_coordinate + p->num_coordinates;
    };
    if (std::any_of(options.factors.begin(), options.factors.end(),
                    [&](const infer::FactorBlock& b) { return inside(b.first); })) {
      sink.error(DiagnosticKind::kOption, {},
                 fmt::format("{}: `{}` has a factor; a parameter is either learned as a point or "
                             "described by a factor",
                             where, name));
      continue;
    }
    for (int64_t k = 0; k < p->num_coordinates; ++k) {
      options.points.push_back(p->first_coordinate + k);
    }
  }
  if (sink.num_errors() == errors && static_cast<Index>(options.points.size()) == model.dim()) {
    sink.error(DiagnosticKind::kOption, {},
               fmt::format("`--point {}`: every parameter is a point; at least one must be "
                           "integrated out",
                           list));
  }
  return sink.num_errors() == errors;
}

}  // namespace vinci::api
