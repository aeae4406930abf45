// From graph to plan: which nodes are private to one term, how nodes and terms group, where
// everything lies.
#include "exec/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>

#include "exec/workspace.h"
#include "graph/passes/passes.h"

namespace vinci::exec {

using graph::Graph;
using graph::Node;
using graph::NodeIndex;
using graph::Op;
using graph::Operand;

namespace {

struct KeyHash {
  size_t operator()(const std::vector<uint32_t>& key) const {
    uint64_t h = key.size();
    for (uint32_t x : key) h = (h ^ x) * 0x9ddfea08eb382d69ULL + (h >> 29);
    return h ^ (h >> 32);
  }
};
using KeyMap = std::unordered_map<std::vector<uint32_t>, uint32_t, KeyHash>;

constexpr uint32_t kConstantCode = 0xfffffffe;
constexpr uint32_t kRowCode = 0xffffffff;
constexpr uint32_t kUnvisited = 0xffffffff;

constexpr int32_t kMaxDepth = 64;  // of private nodes below a term
constexpr size_t kMinPlate = 4;    // smaller groups of terms stay global where they have many nodes
constexpr size_t kMaxSmallPlate = 4;  // nodes per term
constexpr size_t kMinWeightGroup = 24;
constexpr int32_t kMinRegion = 64;  // elements

// Global values are computed again where they are used instead of being kept in rows
constexpr size_t kMinVirtualRows = 4096;   // where the rows would leave a second-level cache,
constexpr int32_t kMinVirtualGroup = 256;  // where there are many of the same kind,
constexpr int32_t kMaxVirtualUses = 4;     // each with few uses,
constexpr int32_t kMaxVirtualCost = 12;    // and few operations behind it,
constexpr int32_t kMaxRepeatedCost = 3;    // fewer still where it would be computed several times.
constexpr uint32_t kMaxVirtualArity = 9;

}  // namespace

class PlanBuilder {
 public:
  PlanBuilder(ExecutionPlan& plan, const Graph& graph, const PlanOptions& options)
      : plan_(plan), graph_(graph), options_(options) {}

  void build() {
    plan_.dim_ = graph_.num_parameters();
    find_live();
    find_private();
    find_virtual();
    group_terms();
    place_global();
    find_regions();
    if (options_.terms) {
      for (const auto& terms : term_groups_) build_plate(terms);
      plan_.constants_[0] = graph_.constant_term(false);
      plan_.constants_[1] = graph_.constant_term(true);
      for (const graph::Guard& g : graph_.guards()) {
        plan_.guards_.push_back({g.kind, row_[static_cast<size_t>(g.node)]});
      }
    }
    for (const graph::Scalar& s : options_.outputs) {
      plan_.outputs_.push_back(
          s.is_constant() ? ExecutionPlan::Output{true, s.constant(), 0}
                          : ExecutionPlan::Output{false, 0, row_[static_cast<size_t>(s.index())]});
    }
    plan_.rejections_.assign(plan_.guards_.size() + 1, 0);
  }

 private:
  const Node& node(size_t i) const { return graph_.nodes()[i]; }

  void find_live() {
    live_ = graph::live_nodes(graph_, options_.outputs, options_.terms);
    for (size_t i = 0; i < live_.size(); ++i) {
      if (node(i).op == Op::kParameter) live_[i] = 1;
      if (node(i).op == Op::kElement && live_[i]) {
        for (NodeIndex sibling : call_of(node(i)).outputs) live_[static_cast<size_t>(sibling)] = 1;
      }
    }
  }

  const graph::ArrayCall& call_of(const Node& n) const {
    return graph_.array_calls()[static_cast<size_t>(n.array)];
  }

  /// A node is private where exactly one term needs it: it lives in tiles only. A term that is at
  /// the same time an operand of another one (the y eta of a logistic density beside log(1 +
  /// e^eta)) is a side term of the other's plate.
  void find_private() {
    const size_t n = live_.size();
    constexpr int32_t kNobody = -1;
    constexpr int32_t kShared = -3;
    owner_.assign(n, kNobody);  // the term that needs the node
    std::vector<const graph::Term*> term_of(n, nullptr);
    if (options_.terms) {
      for (const graph::Term& t : graph_.terms()) {
        const auto i = static_cast<size_t>(t.node);
        if (term_of[i] != nullptr) owner_[i] = kShared;  // of the density and of the Jacobian
        term_of[i] = &t;
      }
      for (const graph::Guard& g : graph_.guards()) owner_[static_cast<size_t>(g.node)] = kShared;
    }
    for (const graph::Scalar& s : options_.outputs) {
      if (!s.is_constant()) owner_[static_cast<size_t>(s.index())] = kShared;
    }
    private_.assign(n, 0);
    side_.assign(n, nullptr);
    std::vector<int32_t> depth(n, 0);
    for (size_t i = n; i-- > 0;) {  // users come after their operands
      if (!live_[i]) continue;
      const Node& nd = node(i);
      if (nd.op == Op::kParameter) continue;
      if (nd.op == Op::kElement) {
        if (nd.first_operand != 0) continue;
        for (Operand o : call_of(nd).inputs) {
          if (!o.is_constant()) owner_[static_cast<size_t>(o.node_index())] = kShared;
        }
        continue;
      }
      const graph::Term* term = term_of[i];
      if (owner_[i] == kNobody && term != nullptr) owner_[i] = static_cast<int32_t>(i);
      if (owner_[i] >= 0 && depth[i] < kMaxDepth) {
        private_[i] = 1;
        if (term != nullptr && owner_[i] != static_cast<int32_t>(i)) {
          if (term->is_jacobian == term_of[static_cast<size_t>(owner_[i])]->is_jacobian) {
            side_[i] = term;
          } else {
            private_[i] = 0;
          }
        }
      }
      for (Operand o : graph_.operands(nd)) {
        if (o.is_constant()) continue;
        const auto k = static_cast<size_t>(o.node_index());
        const int32_t by = private_[i] ? owner_[i] : kShared;
        owner_[k] = owner_[k] == kNobody || owner_[k] == by ? by : kShared;
        depth[k] = std::max(depth[k], depth[i] + 1);
      }
    }
  }

  static bool is_short(const Node& nd) {
    return nd.op != Op::kParameter && nd.op != Op::kElement && nd.num_operands <= kMaxVirtualArity;
  }

  /// Global nodes that are virtual: no row keeps them, every plate that needs one computes it.
  void find_virtual() {
    const size_t n = live_.size();
    virtual_.assign(n, 0);
    std::vector<int32_t> level(n, 0);
    std::unordered_map<int64_t, int32_t> group_size;
    size_t num_global = 0;
    const auto group_of = [&](size_t i) {
      return (int64_t{level[i]} << 32) + (static_cast<int64_t>(node(i).op) << 24) +
             std::min<int64_t>(node(i).num_operands, 0xffffff);
    };
    std::vector<char> pinned(n, 0);
    std::vector<int32_t> uses(n, 0);
    for (size_t i = 0; i < n; ++i) {
      if (!live_[i] || node(i).op == Op::kParameter) continue;
      const auto use = [&](Operand o, bool pins) {
        if (o.is_constant()) return;
        const auto k = static_cast<size_t>(o.node_index());
        level[i] = std::max(level[i], level[k] + 1);
        ++uses[k];
        if (pins) pinned[k] = 1;
      };
      if (node(i).op == Op::kElement) {
        for (Operand o : call_of(node(i)).inputs) use(o, true);
        pinned[i] = 1;
        continue;
      }
      for (Operand o : graph_.operands(node(i))) use(o, !is_short(node(i)));
      if (private_[i]) continue;
      ++num_global;
      ++group_size[group_of(i)];
    }
    if (num_global < kMinVirtualRows) return;
    if (options_.terms) {
      for (const graph::Term& t : graph_.terms()) pinned[static_cast<size_t>(t.node)] = 1;
      for (const graph::Guard& g : graph_.guards()) pinned[static_cast<size_t>(g.node)] = 1;
    }
    for (const graph::Scalar& s : options_.outputs) {
      if (!s.is_constant()) pinned[static_cast<size_t>(s.index())] = 1;
    }
    std::vector<int32_t> cost(n, 0);  // operations that computing the node again would take
    for (size_t i = 0; i < n; ++i) {
      const Node& nd = node(i);
      if (!live_[i] || private_[i] || pinned[i] || !is_short(nd)) continue;
      cost[i] = 1;
      for (Operand o : graph_.operands(nd)) {
        if (!o.is_constant()) cost[i] += cost[static_cast<size_t>(o.node_index())];
      }
      const int32_t most = uses[i] == 1 ? kMaxVirtualCost : kMaxRepeatedCost;
      virtual_[i] = uses[i] <= kMaxVirtualUses && group_size[group_of(i)] >= kMinVirtualGroup &&
                    cost[i] <= most;
      if (!virtual_[i]) cost[i] = 0;
    }
  }

  /// The private and virtual nodes below `root`, operands first, and `root`.
  void private_nodes(size_t root, std::vector<NodeIndex>& nodes) {
    local_.resize(live_.size(), kUnvisited);
    nodes.clear();
    // Depth first: an entry is a node and how many of its operands have been looked at.
    std::vector<std::pair<size_t, uint32_t>> stack = {{root, 0}};
    while (!stack.empty()) {
      auto& [i, next] = stack.back();
      const auto operands = graph_.operands(node(i));
      bool descends = false;
      while (next < operands.size() && !descends) {
        const Operand o = operands[next++];
        if (o.is_constant()) continue;
        const auto k = static_cast<size_t>(o.node_index());
        if (!is_local(k) || local_[k] != kUnvisited) continue;
        stack.emplace_back(k, 0);  // ends the use of `i` and `next`
        descends = true;
      }
      if (descends) continue;
      const size_t done = stack.back().first;
      stack.pop_back();
      local_[done] = static_cast<uint32_t>(nodes.size());
      nodes.push_back(static_cast<NodeIndex>(done));
    }
  }
  bool is_local(size_t i) const { return private_[i] || virtual_[i]; }
  void forget_locals(const std::vector<NodeIndex>& nodes) {
    for (NodeIndex i : nodes) local_[static_cast<size_t>(i)] = kUnvisited;
  }

  /// Rows and instructions of the nodes outside of plates: by level, so that all operands come
  /// earlier, and within a level by form.
  void place_global() {
    const size_t n = live_.size();
    row_.assign(n, 0);
    std::vector<int32_t> level(n, 0);
    struct Member {
      int32_t level;
      uint32_t form;
      NodeIndex node;
    };
    std::vector<Member> members;
    KeyMap forms;
    std::vector<uint32_t> key;
    std::vector<NodeIndex> nodes;
    for (size_t i = 0; i < n; ++i) {
      const Node& nd = node(i);
      if (nd.op == Op::kParameter) {
        row_[i] = nd.first_operand;
        continue;
      }
      if (!live_[i] || private_[i]) continue;
      int32_t deepest = 0;
      const auto look = [&](Operand o) {
        if (!o.is_constant())
          deepest = std::max(deepest, level[static_cast<size_t>(o.node_index())]);
      };
      if (nd.op == Op::kElement) {
        for (Operand o : call_of(nd).inputs) look(o);
        level[i] = deepest + 1;
        if (nd.first_operand == 0) {
          members.push_back(
              {level[i], 0x80000000u + static_cast<uint32_t>(nd.array), static_cast<NodeIndex>(i)});
        }
        continue;
      }
      for (Operand o : graph_.operands(nd)) look(o);
      if (virtual_[i]) {
        level[i] = deepest;  // no later than what it is computed from
        continue;
      }
      private_nodes(i, nodes);
      form_key(nodes, key);
      forget_locals(nodes);
      level[i] = deepest + 1;
      const auto form = forms.try_emplace(key, static_cast<uint32_t>(forms.size())).first->second;
      members.push_back({level[i], form, static_cast<NodeIndex>(i)});
    }
    std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
      return a.level != b.level ? a.level < b.level
             : a.form != b.form ? a.form < b.form
                                : a.node < b.node;
    });
    plan_.num_rows_ = static_cast<uint32_t>(plan_.dim_);
    std::vector<NodeIndex> group;
    for (size_t m = 0; m < members.size();) {
      if ((members[m].form & 0x80000000u) != 0) {
        place_array(members[m].node);
        ++m;
        continue;
      }
      group.clear();
      const size_t first = m;
      for (; m < members.size() && members[m].level == members[first].level &&
             members[m].form == members[first].form;
           ++m) {
        group.push_back(members[m].node);
      }
      place_group(group);
    }
  }

  /// Runs of steps over equally many elements that use each other's results element by element:
  /// executed tile by tile, so that what one writes the next finds in cache.
  void find_regions() {
    const auto& steps = plan_.steps_;
    for (size_t first = 0; first < steps.size();) {
      size_t last = first + 1;
      if (steps[first].kind == ExecutionPlan::Step::Kind::kInstruction &&
          instruction(steps[first]).count >= kMinRegion) {
        while (last < steps.size() && joins(first, last)) ++last;
      }
      plan_.regions_.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(last)});
      first = last;
    }
  }

  const Instruction& instruction(const ExecutionPlan::Step& step) const {
    return plan_.instructions_[step.index];
  }

  /// Whether step `next` may be tiled together with the steps [first, next).
  bool joins(size_t first, size_t next) const {
    const ExecutionPlan::Step& step = plan_.steps_[next];
    if (step.kind != ExecutionPlan::Step::Kind::kInstruction) return false;
    const Instruction& i = instruction(step);
    if (i.count != instruction(plan_.steps_[first]).count) return false;
    const uint32_t region_begin = instruction(plan_.steps_[first]).out_row;
    for (int32_t a = 0; a < i.arity; ++a) {
      const Slot& slot = plan_.slots_[i.first_slot + static_cast<uint32_t>(a)];
      if (slot.kind == Slot::Kind::kBroadcast && slot.start >= region_begin) return false;
      if (slot.kind == Slot::Kind::kGather) {
        const auto begin = plan_.rows_.begin() + slot.start;
        if (std::any_of(begin, begin + i.count, [&](uint32_t row) { return row >= region_begin; }))
          return false;
      }
      if (slot.kind == Slot::Kind::kContiguous &&
          slot.start + static_cast<uint32_t>(i.count) > region_begin) {
        bool aligned = false;
        for (size_t s = first; s < next; ++s)
          aligned = aligned || instruction(plan_.steps_[s]).out_row == slot.start;
        if (!aligned) return false;
      }
    }
    return true;
  }

  void place_array(NodeIndex first_output) {
    const Node& nd = graph_.node(first_output);
    const graph::ArrayCall& call = call_of(nd);
    ArrayInstruction instruction{static_cast<int32_t>(plan_.array_calls_.size()), plan_.num_rows_,
                                 plan_.scratch_size_};
    plan_.array_calls_.push_back(call);
    plan_.scratch_size_ += static_cast<uint64_t>(call.function->scratch_size());
    std::vector<Slot> inputs;
    for (Operand o : call.inputs) {
      if (o.is_constant()) {
        inputs.push_back({Slot::Kind::kConstant, 0, graph_.constant(o)});
      } else {
        inputs.push_back({Slot::Kind::kBroadcast, row_[static_cast<size_t>(o.node_index())], 0});
      }
    }
    plan_.array_slots_.push_back(std::move(inputs));
    for (NodeIndex output : call.outputs) row_[static_cast<size_t>(output)] = plan_.num_rows_++;
    plan_.steps_.push_back({ExecutionPlan::Step::Kind::kArray,
                            static_cast<uint32_t>(plan_.array_instructions_.size())});
    plan_.array_instructions_.push_back(instruction);
  }

  void place_group(const std::vector<NodeIndex>& group) {
    const Node& head = graph_.node(group[0]);
    const auto operands = graph_.operands(head);
    if (std::any_of(operands.begin(), operands.end(), [&](Operand o) {
          return !o.is_constant() && virtual_[static_cast<size_t>(o.node_index())];
        })) {
      Plate plate{};
      plate.count = static_cast<int32_t>(group.size());
      plate.is_rows = true;
      plate.out_row = plan_.num_rows_;
      emit(group, plate);
      for (NodeIndex i : group) row_[static_cast<size_t>(i)] = plan_.num_rows_++;
      plan_.steps_.push_back(
          {ExecutionPlan::Step::Kind::kRows, static_cast<uint32_t>(plan_.row_plates_.size())});
      plan_.row_plates_.push_back(plate);
      return;
    }
    const auto arity = static_cast<int32_t>(head.num_operands);
    Instruction instruction{head.op,
                            arity,
                            static_cast<int32_t>(group.size()),
                            static_cast<uint32_t>(plan_.slots_.size()),
                            plan_.num_rows_,
                            plan_.num_stash_rows_};
    for (size_t a = 0; a < head.num_operands; ++a) {
      plan_.slots_.push_back(
          make_slot(group, [&](NodeIndex i) { return graph_.operands(graph_.node(i))[a]; }));
    }
    for (NodeIndex i : group) row_[static_cast<size_t>(i)] = plan_.num_rows_++;
    plan_.num_stash_rows_ +=
        static_cast<uint32_t>(stash_rows(head.op, arity)) * static_cast<uint32_t>(group.size());
    plan_.steps_.push_back({ExecutionPlan::Step::Kind::kInstruction,
                            static_cast<uint32_t>(plan_.instructions_.size())});
    plan_.instructions_.push_back(instruction);
  }

  /// The operands `operand_of(element)` of one slot, all constants or all global nodes, in the
  /// densest form.
  template <class Elements, class OperandOf>
  Slot make_slot(const Elements& elements, OperandOf operand_of) {
    const Operand head = operand_of(elements[0]);
    Slot slot;
    if (head.is_constant()) {
      bool same = true;
      for (const auto& e : elements) same = same && operand_of(e) == head;
      if (same) return {Slot::Kind::kConstant, 0, graph_.constant(head)};
      slot = {Slot::Kind::kColumn, static_cast<uint32_t>(plan_.columns_.size()), 0};
      for (const auto& e : elements) plan_.columns_.push_back(graph_.constant(operand_of(e)));
      return slot;
    }
    const auto row_of = [&](const auto& e) {
      return row_[static_cast<size_t>(operand_of(e).node_index())];
    };
    const uint32_t first = row_of(elements[0]);
    bool same = true;
    bool contiguous = true;
    uint32_t expected = first;
    for (const auto& e : elements) {
      const uint32_t row = row_of(e);
      same = same && row == first;
      contiguous = contiguous && row == expected++;
    }
    if (same) return {Slot::Kind::kBroadcast, first, 0};
    if (contiguous) return {Slot::Kind::kContiguous, first, 0};
    slot = {Slot::Kind::kGather, static_cast<uint32_t>(plan_.rows_.size()), 0};
    for (const auto& e : elements) plan_.rows_.push_back(row_of(e));
    return slot;
  }

  // ---- plates

  /// What elements of one plate have in common: operations, and for each operand whether it is a
  /// constant, a row or a local value.
  void form_key(const std::vector<NodeIndex>& nodes, std::vector<uint32_t>& key) const {
    key.clear();
    for (NodeIndex i : nodes) {
      const Node& nd = graph_.node(i);
      key.push_back(static_cast<uint32_t>(nd.op) * 2 +
                    (side_[static_cast<size_t>(i)] != nullptr ? 1 : 0));
      key.push_back(nd.num_operands);
      for (Operand o : graph_.operands(nd)) {
        if (o.is_constant()) {
          key.push_back(kConstantCode);
          continue;
        }
        const auto child = static_cast<size_t>(o.node_index());
        key.push_back(is_local(child) ? local_[child] : kRowCode);
      }
    }
  }

  /// Terms of one form: the same operations in the same order, and for each operand the same choice
  /// of constant, row or private value.
  void group_terms() {
    if (!options_.terms) return;
    KeyMap forms;
    std::vector<uint32_t> key;
    std::vector<NodeIndex> nodes;
    const auto form_of = [&](size_t root) {
      private_nodes(root, nodes);
      form_key(nodes, key);
      forget_locals(nodes);
      return forms.try_emplace(key, static_cast<uint32_t>(forms.size())).first->second;
    };
    // Sums of log(1 + e^x) are fast where all weights are equal: the frequent weights get plates of
    // their own.
    std::unordered_map<uint64_t, size_t> frequency;
    const auto weight_code = [](double weight) { return std::bit_cast<uint64_t>(weight) | 1; };
    for (const graph::Term& t : graph_.terms()) {
      if (graph_.node(t.node).op == Op::kLog1pExp) ++frequency[weight_code(t.weight)];
    }
    std::unordered_map<uint64_t, size_t> group_of;
    std::vector<size_t> num_nodes;  // per term of a group
    for (const graph::Term& t : graph_.terms()) {
      const auto i = static_cast<size_t>(t.node);
      if (side_[i] == &t) continue;
      nodes.clear();
      const uint64_t form = private_[i] ? form_of(i) : kRowCode;
      uint64_t group_key = form * 2 + (t.is_jacobian ? 1 : 0);
      if (private_[i] && node(i).op == Op::kLog1pExp &&
          frequency[weight_code(t.weight)] >= kMinWeightGroup) {
        group_key ^= weight_code(t.weight) * 0x9ddfea08eb382d69ULL;
      }
      const auto [entry, is_new] = group_of.try_emplace(group_key, term_groups_.size());
      if (is_new) {
        term_groups_.emplace_back();
        num_nodes.push_back(nodes.size());
      }
      term_groups_[entry->second].push_back(&t);
    }
    // A few terms of many nodes and a form of their own vectorise better among the global nodes,
    // level by level.
    std::vector<const graph::Term*> freed;
    for (size_t g = 0; g < term_groups_.size(); ++g) {
      const auto& terms = term_groups_[g];
      if (!private_[static_cast<size_t>(terms[0]->node)] || terms.size() >= kMinPlate ||
          num_nodes[g] <= kMaxSmallPlate)
        continue;
      for (const graph::Term* t : terms) make_global(static_cast<size_t>(t->node), freed);
    }
    for (const graph::Term* t : freed) {
      const uint64_t group_key = uint64_t{kRowCode} * 2 + (t->is_jacobian ? 1 : 0);
      const auto [entry, is_new] = group_of.try_emplace(group_key, term_groups_.size());
      if (is_new) term_groups_.emplace_back();
      term_groups_[entry->second].push_back(t);
    }
  }

  /// `freed`: side terms that are now terms of their own.
  void make_global(size_t root, std::vector<const graph::Term*>& freed) {
    std::vector<size_t> stack = {root};
    while (!stack.empty()) {
      const size_t i = stack.back();
      stack.pop_back();
      if (!private_[i]) continue;
      private_[i] = 0;
      if (side_[i] != nullptr) freed.push_back(side_[i]);
      side_[i] = nullptr;
      for (Operand o : graph_.operands(node(i))) {
        if (!o.is_constant()) stack.push_back(static_cast<size_t>(o.node_index()));
      }
    }
  }

  void build_plate(const std::vector<const graph::Term*>& terms) {
    Plate plate{};
    plate.count = static_cast<int32_t>(terms.size());
    plate.is_jacobian = terms[0]->is_jacobian;
    plate.span = terms[0]->span;
    plate.weight = weight_slot(terms);
    if (!private_[static_cast<size_t>(terms[0]->node)]) {
      plate.rows_slot = static_cast<uint32_t>(plan_.slots_.size());
      plan_.slots_.push_back(
          make_slot(terms, [](const graph::Term* t) { return Operand::node(t->node); }));
    } else {
      std::vector<NodeIndex> roots;
      roots.reserve(terms.size());
      for (const graph::Term* t : terms) roots.push_back(t->node);
      emit(roots, plate);
    }
    plan_.plates_.push_back(plate);
  }

  Slot weight_slot(const std::vector<const graph::Term*>& terms) {
    bool same = true;
    for (const graph::Term* t : terms) same = same && t->weight == terms[0]->weight;
    if (same) return {Slot::Kind::kConstant, 0, terms[0]->weight};
    const Slot slot = {Slot::Kind::kColumn, static_cast<uint32_t>(plan_.columns_.size()), 0};
    for (const graph::Term* t : terms) plan_.columns_.push_back(t->weight);
    return slot;
  }

  /// Instructions for the private and virtual nodes below these roots and for the roots, one root
  /// per element, operands first.
  void emit(const std::vector<NodeIndex>& roots, Plate& plate) {
    // nodes[k][e]: the k-th private node of element e.
    std::vector<std::vector<NodeIndex>> nodes;
    std::vector<std::vector<Slot>> slots;
    std::vector<NodeIndex> below;
    for (size_t e = 0; e < roots.size(); ++e) {
      private_nodes(static_cast<size_t>(roots[e]), below);
      if (e == 0) {
        nodes.resize(below.size(), std::vector<NodeIndex>(roots.size()));
        for (NodeIndex i : below) {
          slots.emplace_back();
          for (Operand o : graph_.operands(graph_.node(i))) {
            const bool local = !o.is_constant() && is_local(static_cast<size_t>(o.node_index()));
            slots.back().push_back(
                local ? Slot{Slot::Kind::kLocal, local_[static_cast<size_t>(o.node_index())], 0}
                      : Slot{});
          }
        }
      }
      for (size_t k = 0; k < below.size(); ++k) nodes[k][e] = below[k];
      forget_locals(below);
    }
    // The last user of a value is the first to write its adjoint.
    std::vector<char> written(nodes.size(), 0);
    for (size_t k = nodes.size(); k-- > 0;) {
      for (Slot& slot : slots[k]) {
        if (slot.kind != Slot::Kind::kLocal) continue;
        slot.accumulate = written[slot.start] != 0;
        written[slot.start] = 1;
      }
    }
    plate.first_instruction = static_cast<uint32_t>(plan_.instructions_.size());
    plate.num_instructions = static_cast<uint32_t>(nodes.size());
    for (size_t k = 0; k < nodes.size(); ++k) {
      const Node& head = graph_.node(nodes[k][0]);
      const auto arity = static_cast<int32_t>(head.num_operands);
      for (size_t a = 0; a < slots[k].size(); ++a) {
        if (slots[k][a].kind == Slot::Kind::kLocal) continue;
        slots[k][a] =
            make_slot(nodes[k], [&](NodeIndex i) { return graph_.operands(graph_.node(i))[a]; });
      }
      plan_.instructions_.push_back({head.op, arity, static_cast<int32_t>(roots.size()),
                                     static_cast<uint32_t>(plan_.slots_.size()),
                                     static_cast<uint32_t>(k), plate.stash_rows});
      plan_.slots_.insert(plan_.slots_.end(), slots[k].begin(), slots[k].end());
      plate.stash_rows += static_cast<uint32_t>(stash_rows(head.op, arity));
    }
    plate.first_side_term = static_cast<uint32_t>(plan_.side_terms_.size());
    std::vector<const graph::Term*> sides(roots.size());
    for (size_t k = nodes.size(); k-- > 0;) {
      if (side_[static_cast<size_t>(nodes[k][0])] == nullptr) continue;
      for (size_t e = 0; e < roots.size(); ++e) sides[e] = side_[static_cast<size_t>(nodes[k][e])];
      plan_.side_terms_.push_back({static_cast<uint32_t>(k), weight_slot(sides)});
      ++plate.num_side_terms;
    }
  }

  ExecutionPlan& plan_;
  const Graph& graph_;
  const PlanOptions& options_;
  std::vector<char> live_;
  std::vector<char> private_;
  std::vector<char> virtual_;
  std::vector<int32_t> owner_;
  std::vector<const graph::Term*> side_;  // of a private node: the term that it is besides
  std::vector<uint32_t> local_;           // number in the term at hand
  std::vector<uint32_t> row_;             // of global nodes
  std::vector<std::vector<const graph::Term*>> term_groups_;
};

ExecutionPlan::ExecutionPlan(const Graph& graph, const PlanOptions& options) {
  PlanBuilder(*this, graph, options).build();
}

ExecutionPlan::~ExecutionPlan() = default;

int64_t ExecutionPlan::num_instructions() const {
  return static_cast<int64_t>(instructions_.size() + array_instructions_.size());
}

std::string ExecutionPlan::dump() const {
  std::string text =
      fmt::format("rows {} (parameters {}), stash rows {}\n", num_rows_, dim_, num_stash_rows_);
  const auto show_slot = [&](const Slot& s) {
    switch (s.kind) {
      case Slot::Kind::kConstant:
        return fmt::format("{:g}", s.constant);
      case Slot::Kind::kColumn:
        return std::string("column");
      case Slot::Kind::kBroadcast:
        return fmt::format("r{}", s.start);
      case Slot::Kind::kContiguous:
        return fmt::format("r{}..", s.start);
      case Slot::Kind::kGather:
        return std::string("gather");
      case Slot::Kind::kLocal:
        return fmt::format("t{}", s.start);
    }
    return std::string();
  };
  const auto show = [&](const Instruction& i, const char* prefix) {
    text += fmt::format("{}{} = {} x{}:", prefix, i.out_row, graph::op_name(i.op), i.count);
    for (int32_t a = 0; a < std::min(i.arity, 12); ++a) {
      text += ' ' + show_slot(slots_[i.first_slot + static_cast<uint32_t>(a)]);
    }
    if (i.arity > 12) text += fmt::format(" … {} operands", i.arity);
    text += '\n';
  };
  for (const Step& step : steps_) {
    if (step.kind == Step::Kind::kArray) {
      const ArrayInstruction& a = array_instructions_[step.index];
      const graph::ArrayCall& call = array_calls_[static_cast<size_t>(a.call)];
      text += fmt::format("r{} = {} {} -> {}\n", a.out_row, call.function->name(),
                          call.inputs.size(), call.outputs.size());
    } else if (step.kind == Step::Kind::kInstruction) {
      show(instructions_[step.index], "r");
    } else {
      const Plate& p = row_plates_[step.index];
      text += fmt::format("r{} = rows x{}\n", p.out_row, p.count);
      for (uint32_t i = 0; i < p.num_instructions; ++i) {
        show(instructions_[p.first_instruction + i], "  t");
      }
    }
  }
  for (const Plate& p : plates_) {
    text += fmt::format("plate x{}{} weight {}\n", p.count, p.is_jacobian ? " jacobian" : "",
                        show_slot(p.weight));
    if (p.num_instructions == 0) text += "  rows " + show_slot(slots_[p.rows_slot]) + '\n';
    for (uint32_t i = 0; i < p.num_instructions; ++i) {
      show(instructions_[p.first_instruction + i], "  t");
    }
    for (uint32_t i = 0; i < p.num_side_terms; ++i) {
      const SideTerm& side = side_terms_[p.first_side_term + i];
      text += fmt::format("  side term t{} weight {}\n", side.local, show_slot(side.weight));
    }
  }
  return text;
}

}  // namespace vinci::exec
