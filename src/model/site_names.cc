#include "model/site_names.h"

#include <fmt/format.h>

#include <unordered_map>

namespace vinci::model {

namespace {

/// `theta` and `1,2` of `theta.1.2`; the second part is empty for what has no index.
struct Name {
  std::string variable;
  std::string indices;

  std::string shown() const {
    return indices.empty() ? variable : fmt::format("{}[{}]", variable, indices);
  }
};

Name split_name(const std::string& column) {
  const size_t dot = column.find('.');
  if (dot == std::string::npos) return {column, ""};
  std::string indices = column.substr(dot + 1);
  for (char& c : indices) {
    if (c == '.') c = ',';
  }
  return {column.substr(0, dot), indices};
}

/// What all of the names have in common.
void generalise(Name& all, const Name& next) {
  if (all.variable != next.variable) {
    all = {"...", ""};
  } else if (all.indices != next.indices) {
    all.indices = "...";
  }
}

}  // namespace

std::vector<std::string> site_names(const lower::Lowered& lowered,
                                    std::span<const graph::Site> sites) {
  std::unordered_map<graph::NodeIndex, Name> name_of;
  for (size_t k = lowered.constrained.size(); k-- > 0;) {  // the first name of a node wins
    const graph::Scalar s = lowered.constrained[k];
    if (!s.is_constant()) name_of[s.index()] = split_name(lowered.constrained_names[k]);
  }
  const auto name = [&](graph::Scalar s) -> Name {
    if (s.is_constant()) return {fmt::format("{}", s.constant()), ""};
    const auto found = name_of.find(s.index());
    return found == name_of.end() ? Name{"...", ""} : found->second;
  };
  std::vector<std::string> lines;
  Name first, location, scale;
  std::string last;
  const graph::Site* previous = nullptr;
  const auto finish = [&] {
    if (previous == nullptr) return;
    if (first.indices != last) first.indices += ".." + last;
    lines.push_back(fmt::format("{}: location {}, scale {}{}", first.shown(), location.shown(),
                                scale.shown(), previous->centred ? "" : " (non-centred)"));
  };
  for (const graph::Site& site : sites) {
    const Name own = split_name(lowered.unconstrained_names[static_cast<size_t>(site.coordinate)]);
    const bool continues = previous != nullptr && own.variable == first.variable &&
                           site.coordinate == previous->coordinate + 1 &&
                           site.centred == previous->centred;
    if (continues) {
      generalise(location, name(site.location));
      generalise(scale, name(site.scale));
    } else {
      finish();
      first = own;
      location = name(site.location);
      scale = name(site.scale);
    }
    last = own.indices;
    previous = &site;
  }
  finish();
  return lines;
}

}  // namespace vinci::model
