#include "conjugate/symmetry.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "conjugate/rows.h"

namespace vinci::conjugate {

namespace {

constexpr int kDraws = 16;
constexpr double kLeastDraws = 2;
constexpr double kFar = 50;
constexpr double kUncovered = 5;      // nats that q lacks at an image
constexpr double kNegligible = -6.9;  // log of a mass that does not count
constexpr double kHopeless = -100;    // of a density ratio: no draw makes up for it
constexpr double kEqual = 1e-8;       // relative difference of densities that are equal
constexpr size_t kMaxMaps = 8;        // that are kept
constexpr int64_t kMaxPairs = 256;    // of states that are compared, beyond those with the first

struct Comparison {
  bool is_equal = true;
  double log_mass = 0;  // of the part of the image that q does not cover, relative to q's mode
  bool is_mode() const { return log_mass > kNegligible; }
};

class Finder {
 public:
  Finder(const Conjugate& model, const LeafDensity& log_density, uint64_t seed, double max_seconds,
         const Context& context)
      : model_(model),
        log_density_(log_density),
        seed_(seed),
        max_seconds_(max_seconds),
        context_(context),
        draws_(kDraws),
        log_p_(kDraws),
        log_q_(kDraws) {}

  Symmetries find() {
    for (const StateLeaves& states : model_.state_leaves) labels(states);
    factors();
    return std::move(out_);
  }

 private:
  LeafMap identity() const {
    LeafMap map;
    map.source.resize(model_.statements.leaves.size());
    std::iota(map.source.begin(), map.source.end(), 0);
    return map;
  }

  /// Whether to end: from then on nothing is compared, and nothing is taken for a mode.
  bool is_over() {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
    if (context_.cancelled() || spent.count() > max_seconds_) out_.is_complete = false;
    return !out_.is_complete;
  }

  void make_draw(size_t i) {
    numeric::RandomStream random(seed_, 0x73796d, static_cast<uint32_t>(i));
    draws_[i].resize(model_.statements.leaves.size());
    model_.network.draw(random, draws_[i]);
    log_p_[i] = log_density_(draws_[i]);
    log_q_[i] = model_.network.log_q(draws_[i]);
  }

  Comparison compare(const LeafMap& map) {
    constexpr Comparison kNothing{.is_equal = false,
                                  .log_mass = -std::numeric_limits<double>::infinity()};
    Comparison c;
    std::vector<double> image(map.source.size());
    double sum = 0, used = 0;
    bool far = true;
    for (size_t i = 0; i < draws_.size(); ++i) {
      if (is_over()) return kNothing;
      if (draws_[i].empty()) {
        make_draw(i);
        if (is_over()) return kNothing;
      }
      if (!std::isfinite(log_p_[i])) continue;
      map.apply(draws_[i], image);
      const double p = log_density_(image);
      const double ratio = p - log_p_[i];
      c.is_equal = c.is_equal && std::abs(ratio) <= kEqual * (1 + std::abs(log_p_[i]));
      const double missing =
          ratio > kHopeless ? ratio - (model_.network.log_q(image) - log_q_[i]) : 0;
      if (missing > kUncovered) sum += std::exp(std::min(ratio, 700.0));
      ++used;
      if (ratio <= kHopeless && sum == 0) break;
      // As large everywhere and far from q: more draws would say the same.
      far = far && missing > kFar;
      if (used >= kLeastDraws && c.is_equal && far) break;
    }
    c.log_mass = std::log(sum / std::max(used, 1.0));
    return c;
  }

  /// State k becomes what state order[k] is: what belongs to it; with `others`, also the elements
  /// of parameters that have as many as there are states and are not known to belong to them. False
  /// where an element would have to be in two places.
  bool permute_states(const StateLeaves& states, std::span<const size_t> order, bool others,
                      LeafMap& map) const {
    map = identity();
    std::vector<char> known(map.source.size(), 0);
    const auto put = [&](int32_t to, int32_t from) {
      const auto at = static_cast<size_t>(to);
      if (known[at] && map.source[at] != from) return false;
      map.source[at] = from;
      known[at] = 1;
      return true;
    };
    for (size_t s = 0; s < states.leaves.size(); ++s) {
      const auto& to = states.leaves[s];
      const auto& from = states.leaves[order[s]];
      for (size_t i = 0; i < to.size(); ++i) {
        if (!put(to[i], from[i])) return false;
      }
    }
    const size_t count = states.leaves.size();
    for (const auto& table : states.transitions) {
      if (table.size() != count * count) return false;
      for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < count; ++j) {
          if (!put(table[i * count + j], table[order[i] * count + order[j]])) return false;
        }
      }
    }
    if (!others) return true;
    for (const Parameter& p : model_.statements.parameters) {
      const std::vector<int64_t> dims = p.type.all_dims();
      if (dims.empty() || dims[0] != static_cast<int64_t>(count) ||
          std::any_of(p.leaves.begin(), p.leaves.end(),
                      [&](int32_t leaf) { return known[static_cast<size_t>(leaf)] != 0; }))
        continue;
      const size_t size = p.leaves.size() / count;
      for (size_t k = 0; k < count; ++k) {
        for (size_t i = 0; i < size; ++i)
          map.source[static_cast<size_t>(p.leaves[k * size + i])] = p.leaves[order[k] * size + i];
      }
    }
    return true;
  }

  std::vector<double> weights_of(const StateLeaves& states) const {
    std::vector<double> weights(states.leaves.size(), 0.0);
    const Network& network = model_.network;
    for (const PlateInfo& plate : model_.plates) {
      if (plate.name != states.name) continue;
      if (plate.is_admixture) {
        const auto mean = network.mean(plate.variable);
        for (size_t i = 0; i < mean.size(); ++i) weights[i % weights.size()] += mean[i];
        continue;
      }
      const auto& rows = dynamic_cast<const Rows&>(network.variable(plate.variable));
      const std::vector<double> counts = rows.state_counts();
      for (size_t k = 0; k < weights.size(); ++k) weights[k] += counts[k];
    }
    for (int32_t v = 0; v < network.num_variables(); ++v) {
      const Variable& x = network.variable(v);
      if (!x.is_discrete() || x.is_plate()) continue;
      const Leaf& leaf = model_.statements.leaves[static_cast<size_t>(x.leaves()[0])];
      if (model_.statements.parameters[static_cast<size_t>(leaf.parameter)].name != states.name)
        continue;
      for (size_t k = 0; k < weights.size(); ++k) weights[k] += network.mean(v)[k];
    }
    return weights;
  }

  /// Where the states of a class stand in another order than that of their weights.
  void order_by_weight(const StateLeaves& states, const std::vector<size_t>& members, bool others,
                       Symmetry& s) {
    const std::vector<double> weights = weights_of(states);
    std::vector<size_t> heavy = members;
    std::stable_sort(heavy.begin(), heavy.end(),
                     [&](size_t a, size_t b) { return weights[a] > weights[b]; });
    s.is_ordered = heavy == members;
    if (s.is_ordered) return;
    std::vector<size_t> order(weights.size());
    std::iota(order.begin(), order.end(), size_t{0});
    for (size_t i = 0; i < members.size(); ++i) order[members[i]] = heavy[i];
    LeafMap map;
    if (!permute_states(states, order, others, map) || !compare(map).is_equal) return;
    s.order = std::move(order);
    s.by_weight = std::move(map);
    s.is_ordered = true;
  }

  /// States fall into classes of which any two can be exchanged; a state is compared with one of
  /// each class.
  void labels(const StateLeaves& states) {
    struct Class {
      std::vector<size_t> members;
      std::vector<LeafMap> maps;
      bool is_covered = true;  // by q, in all of its orders
      bool others = false;     // parameters that are not known to belong to states go with them
    };
    std::vector<Class> classes;
    int64_t pairs = 0;
    for (size_t k = 0; k < states.leaves.size() && !is_over(); ++k) {
      bool placed = false;
      for (size_t c = 0; c < classes.size() && !placed && (c == 0 || pairs < kMaxPairs); ++c) {
        if (c > 0) ++pairs;
        for (const bool others : {false, true}) {
          LeafMap map;
          std::vector<size_t> order(states.leaves.size());
          std::iota(order.begin(), order.end(), size_t{0});
          std::swap(order[classes[c].members[0]], order[k]);
          if (!permute_states(states, order, others, map)) break;
          const Comparison found = compare(map);
          if (found.is_equal) {
            classes[c].members.push_back(k);
            classes[c].others = classes[c].others || others;
            classes[c].is_covered = classes[c].is_covered && !found.is_mode();
            if (found.is_mode() && classes[c].maps.size() < kMaxMaps)
              classes[c].maps.push_back(std::move(map));
            placed = true;
            break;
          }
          if (found.is_mode()) {
            out_.rivals.push_back(found.log_mass);
            break;
          }
        }
      }
      if (!placed) classes.push_back({.members = {k}, .maps = {}});
    }
    for (Class& c : classes) {
      if (c.is_covered) continue;
      Symmetry& s = out_.equal.emplace_back();
      s.kind = Symmetry::Kind::kLabels;
      s.name = states.name;
      s.moves.assign(model_.statements.leaves.size(), 0);
      for (const size_t k : c.members) {
        s.states.push_back(states.first_state + static_cast<int64_t>(k));
        for (const int32_t leaf : states.leaves[k]) s.moves[static_cast<size_t>(leaf)] = 1;
      }
      for (const auto& table : states.transitions) {
        for (const int32_t leaf : table) s.moves[static_cast<size_t>(leaf)] = 1;
      }
      // What all states share stays where it is.
      for (size_t i = 0; i < states.leaves[0].size(); ++i) {
        const bool is_shared = std::all_of(c.members.begin(), c.members.end(), [&](size_t k) {
          return states.leaves[k][i] == states.leaves[c.members[0]][i];
        });
        if (is_shared) s.moves[static_cast<size_t>(states.leaves[c.members[0]][i])] = 0;
      }
      for (const LeafMap& map : c.maps) note_moves(map, s);
      for (const Parameter& p : model_.statements.parameters) {
        if (p.name != s.name) continue;
        for (const int32_t leaf : p.leaves) s.moves[static_cast<size_t>(leaf)] = 1;
      }
      s.log_modes = std::lgamma(static_cast<double>(c.members.size()) + 1);
      order_by_weight(states, c.members, c.others, s);
      s.maps = std::move(c.maps);
    }
  }

  static void note_moves(const LeafMap& map, Symmetry& s) {
    for (size_t i = 0; i < map.source.size(); ++i) {
      if (map.source[i] != static_cast<int32_t>(i) || (!map.is_turned.empty() && map.is_turned[i]))
        s.moves[i] = 1;
    }
  }

  std::string names_of(const std::vector<int32_t>& leaves) const {
    std::string text;
    int32_t last = -1;
    for (const int32_t leaf : leaves) {
      const int32_t p = model_.statements.leaves[static_cast<size_t>(leaf)].parameter;
      if (p == last) continue;
      last = p;
      text += (text.empty() ? "`" : ", `") +
              model_.statements.parameters[static_cast<size_t>(p)].name + "`";
    }
    return text;
  }

  /// Signs of all that is multiplied together, and the exchange of one such group with another of
  /// the same parameters.
  void factors() {
    const auto& groups = model_.product_leaves;
    const auto note = [&](Symmetry::Kind kind, const std::vector<int32_t>& leaves, LeafMap map) {
      const Comparison found = compare(map);
      if (!found.is_mode()) return;
      if (!found.is_equal) {
        out_.rivals.push_back(found.log_mass);
        return;
      }
      const std::string name = names_of(leaves);
      auto at = std::find_if(out_.equal.begin(), out_.equal.end(),
                             [&](const Symmetry& s) { return s.kind == kind && s.name == name; });
      if (at == out_.equal.end()) {
        at = out_.equal.emplace(at);
        at->kind = kind;
        at->name = name;
        at->moves.assign(model_.statements.leaves.size(), 0);
      }
      note_moves(map, *at);
      at->log_modes += 1;  // counted; the logarithm below
      if (at->maps.size() < kMaxMaps) at->maps.push_back(std::move(map));
    };
    for (const auto& leaves : groups) {
      if (is_over()) break;
      const bool has_signs = std::all_of(leaves.begin(), leaves.end(), [&](int32_t leaf) {
        return model_.statements.leaves[static_cast<size_t>(leaf)].kind == Leaf::Kind::kReal;
      });
      if (!has_signs) continue;
      LeafMap map = identity();
      map.is_turned.assign(map.source.size(), 0);
      for (const int32_t leaf : leaves) map.is_turned[static_cast<size_t>(leaf)] = 1;
      note(Symmetry::Kind::kSigns, leaves, std::move(map));
    }
    for (size_t g = 1; g < groups.size() && !is_over(); ++g) {
      if (groups[g].size() != groups[0].size() || names_of(groups[g]) != names_of(groups[0]))
        continue;
      LeafMap map = identity();
      for (size_t i = 0; i < groups[g].size(); ++i) {
        map.source[static_cast<size_t>(groups[g][i])] = groups[0][i];
        map.source[static_cast<size_t>(groups[0][i])] = groups[g][i];
      }
      note(Symmetry::Kind::kFactors, groups[g], std::move(map));
    }
    for (Symmetry& s : out_.equal) {
      if (s.kind == Symmetry::Kind::kSigns) s.log_modes *= std::log(2.0);
      if (s.kind == Symmetry::Kind::kFactors) s.log_modes = std::lgamma(s.log_modes + 2);
    }
  }

  const Conjugate& model_;
  const LeafDensity& log_density_;
  uint64_t seed_;
  double max_seconds_;
  const Context& context_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::vector<std::vector<double>> draws_;  // each made when it is first needed
  std::vector<double> log_p_, log_q_;
  Symmetries out_;
};

}  // namespace

void LeafMap::apply(std::span<const double> values, std::span<double> image) const {
  for (size_t i = 0; i < source.size(); ++i) image[i] = values[static_cast<size_t>(source[i])];
  for (size_t i = 0; i < is_turned.size(); ++i) {
    if (is_turned[i]) image[i] = -image[i];
  }
}

LeafMap LeafMap::inverse() const {
  VINCI_CHECK(is_turned.empty());
  LeafMap back;
  back.source.resize(source.size());
  for (size_t i = 0; i < source.size(); ++i)
    back.source[static_cast<size_t>(source[i])] = static_cast<int32_t>(i);
  return back;
}

LeafMap ordering_of(std::span<const Symmetry> symmetries) {
  LeafMap all;
  for (const Symmetry& s : symmetries) {
    if (s.by_weight.source.empty()) continue;
    LeafMap next = s.by_weight;
    for (int32_t& from : next.source) {
      if (!all.source.empty()) from = all.source[static_cast<size_t>(from)];
    }
    all = std::move(next);
  }
  return all;
}

Symmetries find_symmetries(const Conjugate& model, const LeafDensity& log_density, uint64_t seed,
                           double max_seconds, const Context& context) {
  return Finder(model, log_density, seed, max_seconds, context).find();
}

std::string describe(const Symmetry& s) {
  switch (s.kind) {
    case Symmetry::Kind::kLabels: {
      std::string states;
      const bool is_range =
          s.states.size() > 4 && s.states.back() - s.states.front() + 1 == std::ssize(s.states);
      if (is_range) states = fmt::format("{} to {}", s.states.front(), s.states.back());
      for (size_t i = 0; i < s.states.size() && !is_range; ++i)
        states += (i == 0 ? "" : ", ") + std::to_string(s.states[i]);
      return fmt::format("labels of states {} of `{}`", states, s.name);
    }
    case Symmetry::Kind::kSigns:
      return fmt::format("signs of {}", s.name);
    case Symmetry::Kind::kFactors:
      return fmt::format("order of the factors {}", s.name);
  }
  return {};
}

}  // namespace vinci::conjugate
