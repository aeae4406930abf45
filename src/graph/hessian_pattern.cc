#include "graph/hessian_pattern.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "graph/passes/passes.h"

namespace vinci::graph {
namespace {

/// Coordinates that all supports together may list before the search is given up.
constexpr size_t kMaxStored = 20'000'000;

using SetId = int32_t;

/// Interned sets of coordinates, and the pairs that operations make of them.
class Interactions {
 public:
  explicit Interactions(size_t max_pairs) : max_pairs_(max_pairs) { sets_.push_back({}); }

  static constexpr SetId kEmpty = 0;
  bool gave_up() const { return pairs_.size() > max_pairs_ || stored_ > kMaxStored; }

  SetId single(int32_t coordinate) { return intern({coordinate}); }
  SetId unite(SetId a, SetId b) {
    if (a == b || b == kEmpty) return a;
    if (a == kEmpty) return b;
    if (a > b) std::swap(a, b);
    const uint64_t key = join(a, b);
    if (const auto found = unions_.find(key); found != unions_.end()) return found->second;
    std::vector<int32_t> both;
    std::set_union(set(a).begin(), set(a).end(), set(b).begin(), set(b).end(),
                   std::back_inserter(both));
    const SetId id = intern(std::move(both));
    unions_.emplace(key, id);
    return id;
  }
  SetId unite_all(std::vector<SetId> ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    if (ids.size() <= 2) return ids.empty() ? kEmpty : unite(ids.front(), ids.back());
    std::vector<int32_t> all;
    for (const SetId id : ids) all.insert(all.end(), set(id).begin(), set(id).end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return intern(std::move(all));
  }
  /// All pairs of one of `a` with one of `b`.
  void cross(SetId a, SetId b) {
    if (a == kEmpty || b == kEmpty || gave_up()) return;
    if (a > b) std::swap(a, b);
    if (!crossed_.insert(join(a, b)).second) return;
    for (const int32_t i : set(a)) {
      for (const int32_t j : set(b)) {
        if (i != j) pairs_.insert(join(std::max(i, j), std::min(i, j)));
      }
      if (gave_up()) return;
    }
  }

  CoordinatePairs sorted() const {
    CoordinatePairs result;
    result.reserve(pairs_.size());
    for (const uint64_t key : pairs_) {
      result.emplace_back(static_cast<int32_t>(key >> 32), static_cast<int32_t>(key));
    }
    std::sort(result.begin(), result.end());
    return result;
  }

 private:
  static uint64_t join(int32_t a, int32_t b) {
    return static_cast<uint64_t>(static_cast<uint32_t>(a)) << 32 | static_cast<uint32_t>(b);
  }
  const std::vector<int32_t>& set(SetId id) const { return sets_[static_cast<size_t>(id)]; }

  SetId intern(std::vector<int32_t> members) {
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (const int32_t m : members) {
      hash = (hash ^ static_cast<uint64_t>(m)) * 0xff51afd7ed558ccdu;
      hash ^= hash >> 32;
    }
    std::vector<SetId>& bucket = table_[hash];
    for (const SetId id : bucket) {
      if (set(id) == members) return id;
    }
    const auto id = static_cast<SetId>(sets_.size());
    stored_ += members.size();
    sets_.push_back(std::move(members));
    bucket.push_back(id);
    return id;
  }

  size_t max_pairs_;
  size_t stored_ = 0;
  std::vector<std::vector<int32_t>> sets_;
  std::unordered_map<uint64_t, std::vector<SetId>> table_;
  std::unordered_map<uint64_t, SetId> unions_;
  std::unordered_set<uint64_t> crossed_;
  std::unordered_set<uint64_t> pairs_;
};

}  // namespace

std::optional<CoordinatePairs> hessian_pattern(const Graph& graph, size_t max_pairs) {
  Interactions sets(max_pairs);
  const std::vector<char> live = live_nodes(graph);
  std::vector<SetId> support(graph.nodes().size(), Interactions::kEmpty);
  const auto of = [&](Operand o) {
    return o.is_constant() ? Interactions::kEmpty : support[static_cast<size_t>(o.node_index())];
  };
  const auto of_all = [&](std::span<const Operand> operands) {
    std::vector<SetId> ids;
    for (const Operand o : operands) ids.push_back(of(o));
    return sets.unite_all(std::move(ids));
  };
  std::vector<SetId> call_support(graph.array_calls().size(), -1);
  for (size_t n = 0; n < support.size() && !sets.gave_up(); ++n) {
    if (!live[n]) continue;
    const Node& node = graph.nodes()[n];
    const auto operands = graph.operands(node);
    SetId all = Interactions::kEmpty;
    switch (node.op) {
      case Op::kParameter:
        all = sets.single(static_cast<int32_t>(node.first_operand));
        break;
      case Op::kElement: {
        const auto call = static_cast<size_t>(node.array);
        if (call_support[call] < 0) {
          const SetId inputs = of_all(graph.array_calls()[call].inputs);
          if (!graph.array_calls()[call].function->linear()) sets.cross(inputs, inputs);
          call_support[call] = inputs;
        }
        all = call_support[call];
        break;
      }
      case Op::kLinComb:
        all = of_all(operands);
        break;
      case Op::kMul:
        sets.cross(of(operands[0]), of(operands[1]));
        all = sets.unite(of(operands[0]), of(operands[1]));
        break;
      case Op::kDiv:
        sets.cross(of(operands[0]), of(operands[1]));
        sets.cross(of(operands[1]), of(operands[1]));
        all = sets.unite(of(operands[0]), of(operands[1]));
        break;
      case Op::kDot:
        for (size_t k = 0; k + 1 < operands.size(); k += 2) {
          sets.cross(of(operands[k]), of(operands[k + 1]));
        }
        all = of_all(operands);
        break;
      case Op::kSelect:
        all = sets.unite(of(operands[1]), of(operands[2]));
        break;
      case Op::kLess:
      case Op::kLessEqual:
      case Op::kEqual:
      case Op::kFloor:
      case Op::kCeil:
      case Op::kRound:
      case Op::kTrunc:
        break;  // constant almost everywhere
      case Op::kAbs:
        all = of(operands[0]);  // linear almost everywhere
        break;
      default:
        all = of_all(operands);
        sets.cross(all, all);
        break;
    }
    support[n] = all;
  }
  if (sets.gave_up()) return std::nullopt;
  return sets.sorted();
}

}  // namespace vinci::graph
