#include "graph/centring.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "graph/passes/passes.h"

namespace vinci::graph {

namespace {

/// Cycles among sites that are broken up one by one; a program with more gets no sites at all.
constexpr int kMaxCycles = 64;

NodeIndex index_of(Scalar s) { return s.is_constant() ? -1 : s.index(); }

/// The coordinate u if `node` is the product scale * u, else -1.
int scaled_coordinate(const Graph& graph, NodeIndex node, Scalar scale) {
  const Node& n = graph.node(node);
  if (n.op != Op::kMul) return -1;
  const auto ops = graph.operands(n);
  for (size_t k = 0; k < 2; ++k) {
    if (ops[0].is_constant() || ops[1].is_constant()) return -1;
    const Node& u = graph.node(ops[k].node_index());
    if (u.op == Op::kParameter && ops[1 - k].node_index() == index_of(scale)) {
      return static_cast<int>(u.first_operand);
    }
  }
  return -1;
}

/// What is known of a coordinate.
struct Candidate {
  // Kernels N(x | node, node) in which the location is no parameter or one declared before x, or
  // one declared after it; and kernels N(x | 0, node).
  int before = 0;
  int after = 0;
  Site before_site;
  Site after_site;
  std::vector<Scalar> zero_scales;
  std::vector<Scalar> data_scales;  // of kernels N(x | another constant, node)
  bool has_other_prior = false;     // of another family
  Site other_site;
  bool is_standard = false;  // it has a standard normal prior
  bool has_site = false;
  Site site;
  NodeIndex product = -1;  // the one product it is used in
  bool used_elsewhere = false;
};

class SiteFinder {
 public:
  explicit SiteFinder(Graph& graph)
      : graph_(graph), candidates_(static_cast<size_t>(graph.num_parameters())) {}

  std::vector<Site> run() {
    live_ = live_nodes(graph_);
    const size_t n = live_.size();  // nodes that are added on the way come after these
    for (size_t i = 0; i < n; ++i) {
      if (!live_[i]) continue;
      const auto node = static_cast<NodeIndex>(i);
      switch (graph_.node(node).op) {
        case Op::kNormalKernel:
          read_kernel(node);
          break;
        case Op::kLog1p:
          read_student_t(node);
          break;
        case Op::kMul:
          read_double_exponential(node);
          break;
        case Op::kSquare:
          if (Candidate* c = candidate(graph_.operands(graph_.node(node))[0]))
            c->is_standard = true;
          break;
        default:
          break;
      }
    }
    choose();
    read_users();
    read_products();
    break_cycles();
    std::vector<Site> sites;
    for (const Candidate& c : candidates_) {
      if (!c.has_site) continue;
      sites.push_back(c.site);
      name_forms(sites.back());
    }
    return sites;
  }

 private:
  Candidate& at(int coordinate) { return candidates_[static_cast<size_t>(coordinate)]; }

  /// The candidate of a parameter; null for what is none.
  Candidate* candidate(Operand o) {
    if (o.is_constant()) return nullptr;
    const Node& n = graph_.node(o.node_index());
    return n.op == Op::kParameter ? &candidates_[n.first_operand] : nullptr;
  }
  int coordinate_of(const Candidate& c) const { return static_cast<int>(&c - candidates_.data()); }

  /// 1 / value, which is the operand of an inverse.
  Scalar inverse_of(Operand o) {
    const Scalar tau = graph_.scalar(o);
    return graph_.inv(tau);
  }

  void read_kernel(NodeIndex node) {
    const std::vector<Operand> ops(graph_.operands(graph_.node(node)).begin(),
                                   graph_.operands(graph_.node(node)).end());
    if (!ops[2].is_constant()) {
      const Scalar scale = inverse_of(ops[2]);
      for (const size_t k : {size_t{0}, size_t{1}}) {
        if (read_offset_and_multiplier(ops[k], graph_.scalar(ops[1 - k]), scale, 1)) return;
      }
    }
    for (const int k : {0, 1}) {
      Candidate* c = candidate(ops[static_cast<size_t>(k)]);
      const Scalar other = graph_.scalar(ops[static_cast<size_t>(1 - k)]);
      if (c == nullptr) continue;
      const bool at_zero = other.is_constant() && other.constant() == 0;
      if (ops[2].is_constant()) {
        c->is_standard |= at_zero && graph_.constant(ops[2]) == 1;
        continue;
      }
      const Scalar scale = inverse_of(ops[2]);
      if (at_zero) {
        c->zero_scales.push_back(scale);
        ++num_at_zero_[scale.index()];
      } else if (other.is_constant()) {
        if (c->data_scales.empty() || !c->data_scales.back().identical(scale)) {
          c->data_scales.push_back(scale);
        }
      } else if (!other.is_constant()) {
        const Candidate* parent = candidate(ops[static_cast<size_t>(1 - k)]);
        const bool is_after = parent != nullptr && parent > c;
        ++(is_after ? c->after : c->before);
        (is_after ? c->after_site : c->before_site) = {coordinate_of(*c), true, other, scale, 1};
      }
    }
  }

  /// x = location + scale u with the prior on x: the program's coordinate is u.
  bool read_offset_and_multiplier(Operand x, Scalar location, Scalar scale, double curvature) {
    if (x.is_constant()) return false;
    const Node& n = graph_.node(x.node_index());
    NodeIndex product = x.node_index();
    int coordinate = scaled_coordinate(graph_, product, scale);
    if (n.op == Op::kLinComb) {
      const auto parts = graph_.operands(n);
      for (size_t p = 2; p < parts.size() && coordinate < 0; p += 2) {
        product = parts[p].node_index();
        coordinate = scaled_coordinate(graph_, product, scale);
      }
    }
    if (coordinate < 0) return false;
    if (index_of(graph_.add(location, Scalar::node(product))) != x.node_index()) return false;
    Candidate& c = at(coordinate);
    c.has_other_prior = true;
    c.other_site = {coordinate, false, location, scale, curvature};
    c.other_site.sum = x.node_index();
    c.other_site.product = product;
    return true;
  }

  /// The prior of x by (x - location) and scale, where x is a parameter of coefficient 1, or an
  /// offset and a multiplier.
  void read_residual(Operand residual, Scalar scale, double curvature) {
    if (residual.is_constant()) return;
    if (candidate(residual) != nullptr) return note_other(residual, 0.0, scale, curvature);
    if (read_offset_and_multiplier(residual, 0.0, scale, curvature)) return;
    const Node n = graph_.node(residual.node_index());
    if (n.op != Op::kLinComb) return;
    const std::vector<Operand> ops(graph_.operands(n).begin(), graph_.operands(n).end());
    for (size_t x = 2; x < ops.size(); x += 2) {
      if (graph_.constant(ops[x - 1]) != 1) continue;
      std::vector<double> weights;
      std::vector<Scalar> parts;
      for (size_t k = 2; k < ops.size(); k += 2) {
        if (k == x) continue;
        weights.push_back(-graph_.constant(ops[k - 1]));
        parts.push_back(graph_.scalar(ops[k]));
      }
      const Scalar location = graph_.lincomb(-graph_.constant(ops[0]), weights, parts);
      if (candidate(ops[x]) != nullptr) return note_other(ops[x], location, scale, curvature);
      if (read_offset_and_multiplier(ops[x], location, scale, curvature)) return;
    }
  }

  void note_other(Operand x, Scalar location, Scalar scale, double curvature) {
    Candidate* c = candidate(x);
    c->has_other_prior = true;
    c->other_site = {coordinate_of(*c), true, location, scale, curvature};
  }

  /// residual / scale as a product with an inverse: false if it is none.
  bool read_ratio(NodeIndex node, Operand& residual, Scalar& scale) {
    const Node& n = graph_.node(node);
    if (n.op != Op::kMul) return false;
    const auto ops = graph_.operands(n);
    for (const size_t k : {size_t{0}, size_t{1}}) {
      if (ops[k].is_constant() || ops[1 - k].is_constant()) return false;
      const Node& inverse = graph_.node(ops[k].node_index());
      if (inverse.op != Op::kInv) continue;
      residual = ops[1 - k];
      scale = graph_.inv(graph_.scalar(ops[k]));
      return true;
    }
    return false;
  }

  /// log1p(((x - location) / scale)^2 / nu), the core of a Student t density, nu a constant.
  void read_student_t(NodeIndex node) {
    Operand inner = graph_.operands(graph_.node(node))[0];
    double share = 1;  // 1 / nu
    if (inner.is_constant()) return;
    if (const Node& n = graph_.node(inner.node_index()); n.op == Op::kLinComb) {
      const auto ops = graph_.operands(n);
      if (n.num_operands != 3 || graph_.constant(ops[0]) != 0) return;
      share = graph_.constant(ops[1]);
      inner = ops[2];
    }
    const Node& square = graph_.node(inner.node_index());
    if (square.op != Op::kSquare || !(share > 0)) return;
    Operand residual{};
    Scalar scale;
    if (!read_ratio(graph_.operands(square)[0].node_index(), residual, scale)) return;
    read_residual(residual, scale, 1 + share);
  }

  /// |x - location| / scale. It has no curvature at its mode; that of a normal serves.
  void read_double_exponential(NodeIndex node) {
    Operand residual{};
    Scalar scale;
    if (!read_ratio(node, residual, scale)) return;
    const Node& n = graph_.node(residual.node_index());
    if (n.op == Op::kAbs) read_residual(graph_.operands(n)[0], scale, 1);
  }

  /// The kernel that is the prior of x, where others are those of its children: these are several,
  /// or declared on the other side of it.
  const Site* parent_site(Candidate& c) {
    if (c.before == 1) return &c.before_site;
    if (c.after != 1) return nullptr;
    if (c.before > 1) return &c.after_site;
    const Candidate* parent = candidate(Operand::node(index_of(c.after_site.location)));
    return parent->before > 1 ? &c.after_site : nullptr;
  }

  void choose() {
    for (Candidate& c : candidates_) {
      // An observation of x that happens to be 0.
      std::erase_if(c.zero_scales, [&](Scalar scale) {
        return std::any_of(c.data_scales.begin(), c.data_scales.end(),
                           [&](Scalar s) { return s.identical(scale); });
      });
      if (const Site* site = parent_site(c)) {
        if (c.has_other_prior) continue;
        c.site = *site;
      } else if (c.has_other_prior) {
        c.site = c.other_site;
      } else if (!c.zero_scales.empty()) {
        const auto most = std::max_element(
            c.zero_scales.begin(), c.zero_scales.end(),
            [&](Scalar a, Scalar b) { return num_at_zero_[a.index()] < num_at_zero_[b.index()]; });
        c.site = {coordinate_of(c), true, 0.0, *most, 1};
      } else {
        continue;
      }
      c.has_site = true;
    }
  }

  /// Where coordinates with a standard prior are used.
  void read_users() {
    const size_t n = live_.size();
    for (size_t i = 0; i < n; ++i) {
      const Node& node = graph_.nodes()[i];
      if (!live_[i] || node.op == Op::kElement || node.op == Op::kParameter) continue;
      const auto ops = graph_.operands(node);
      for (const Operand o : ops) {
        if (o.is_constant()) continue;
        Candidate* const used = candidate(o);
        if (used == nullptr) continue;
        Candidate& c = *used;
        const bool in_prior =
            node.op == Op::kSquare ||
            (node.op == Op::kNormalKernel && ops[0].is_constant() && ops[2].is_constant());
        if (in_prior) continue;
        if (node.op == Op::kMul && c.product < 0) {
          c.product = static_cast<NodeIndex>(i);
        } else {
          c.used_elsewhere = true;
        }
      }
    }
    for (const ArrayCall& call : graph_.array_calls()) {
      for (const Operand o : call.inputs) {
        if (Candidate* c = candidate(o)) c->used_elsewhere = true;
      }
    }
  }

  /// Standard coordinates u that are used in scale * u only; and in what sum, if it is one.
  void read_products() {
    std::unordered_map<NodeIndex, std::pair<NodeIndex, int>> user;  // of products: one, how many
    const auto is_scaled = [](const Candidate& c) {
      return c.is_standard && !c.has_site && !c.used_elsewhere && c.product >= 0;
    };
    for (const Candidate& c : candidates_) {
      if (is_scaled(c)) user[c.product] = {-1, 0};
    }
    if (user.empty()) return;
    const size_t n = live_.size();
    for (size_t i = 0; i < n; ++i) {
      const Node& node = graph_.nodes()[i];
      if (!live_[i] || node.op == Op::kElement || node.op == Op::kParameter) continue;
      for (const Operand o : graph_.operands(node)) {
        if (o.is_constant()) continue;
        const auto found = user.find(o.node_index());
        if (found == user.end()) continue;
        found->second.first = static_cast<NodeIndex>(i);
        ++found->second.second;
      }
    }
    for (Candidate& c : candidates_) {
      if (!is_scaled(c)) continue;
      const auto ops = graph_.operands(graph_.node(c.product));
      const bool first = candidate(ops[0]) == &c;
      const Scalar scale = graph_.scalar(ops[first ? 1 : 0]);
      if (!graph_.is_positive(scale)) continue;
      c.has_site = true;
      c.site = {coordinate_of(c), false, 0.0, scale, 1};
      c.site.product = c.product;
      const auto [sum, count] = user[c.product];
      if (count == 1) read_location(sum, c.site);
    }
  }

  /// Of sum = location + product the location, where it is a short sum.
  void read_location(NodeIndex sum, Site& site) {
    constexpr size_t kMaxParts = 4;
    const Node& n = graph_.node(sum);
    if (n.op != Op::kLinComb || n.num_operands > 1 + 2 * kMaxParts) return;
    const std::vector<Operand> ops(graph_.operands(n).begin(), graph_.operands(n).end());
    std::vector<double> c;
    std::vector<Scalar> x;
    for (size_t k = 1; k + 1 < ops.size(); k += 2) {
      if (ops[k + 1].node_index() == site.product) {
        if (graph_.constant(ops[k]) != 1) return;
        continue;
      }
      c.push_back(graph_.constant(ops[k]));
      x.push_back(graph_.scalar(ops[k + 1]));
    }
    site.location = graph_.lincomb(graph_.constant(ops[0]), c, x);
    site.sum = sum;
  }

  /// The nodes of the prior. They are found by making them again: equal nodes are one.
  void name_forms(Site& site) {
    const NodeIndex x = site.centred ? graph_.parameter(site.coordinate).index() : site.sum;
    if (x < 0) return;
    const NodeIndex residual = index_of(graph_.sub(Scalar::node(x), site.location));
    if (residual != x) site.residual = residual;
    site.kernel = index_of(
        graph_.apply(Op::kNormalKernel, Scalar::node(x), site.location, graph_.inv(site.scale)));
  }

  NodeIndex child(NodeIndex node, size_t k, bool& more) const {
    const Node& n = graph_.node(node);
    more = false;
    if (n.op == Op::kParameter) {
      const Candidate& c = candidates_[n.first_operand];
      if (!c.has_site || k >= 2) return -1;
      more = true;
      return index_of(k == 0 ? c.site.location : c.site.scale);
    }
    const std::span<const Operand> ops =
        n.op == Op::kElement
            ? std::span<const Operand>(graph_.array_calls()[static_cast<size_t>(n.array)].inputs)
            : graph_.operands(n);
    if (k >= ops.size()) return -1;
    more = true;
    return ops[k].is_constant() ? -1 : ops[k].node_index();
  }

  /// A coordinate needs its location and scale to be known first. Depth first; where that leads
  /// back to a node on the way, the site that was entered last is given up.
  void break_cycles() {
    enum : char { kNew, kOnTheWay, kDone };
    std::vector<char> state(graph_.nodes().size(), kNew);
    std::vector<std::pair<NodeIndex, size_t>> way;
    int cycles = 0;
    for (size_t root = 0; root < state.size(); ++root) {
      const bool is_root = graph_.nodes()[root].op == Op::kParameter;
      if (!is_root || state[root] != kNew) continue;
      way.emplace_back(static_cast<NodeIndex>(root), 0);
      state[root] = kOnTheWay;
      while (!way.empty()) {
        bool more = false;
        const NodeIndex node = way.back().first;
        const NodeIndex next = child(node, way.back().second++, more);
        if (!more) {
          state[static_cast<size_t>(node)] = kDone;
          way.pop_back();
          continue;
        }
        if (next < 0 || state[static_cast<size_t>(next)] == kDone) continue;
        if (state[static_cast<size_t>(next)] == kNew) {
          state[static_cast<size_t>(next)] = kOnTheWay;
          way.emplace_back(next, 0);
          continue;
        }
        if (++cycles > kMaxCycles) {
          for (Candidate& c : candidates_) c.has_site = false;
          return;
        }
        while (graph_.node(way.back().first).op != Op::kParameter) {
          state[static_cast<size_t>(way.back().first)] = kNew;
          way.pop_back();
        }
        at(static_cast<int>(graph_.node(way.back().first).first_operand)).has_site = false;
        state[static_cast<size_t>(way.back().first)] = kDone;
        way.pop_back();
      }
    }
  }

  Graph& graph_;
  std::vector<Candidate> candidates_;
  std::vector<char> live_;
  std::unordered_map<NodeIndex, int> num_at_zero_;  // kernels N(x | 0, scale) of a scale
};

/// Copies nodes of one graph into another, with sites' coordinates replaced.
class Rewriter {
 public:
  /// Without centring a plain copy, in which sites keep their coordinates.
  Rewriter(const Graph& from, std::span<const Site> sites, std::span<const double> centring)
      : from_(from), sites_(sites), centring_(centring), image_(from.nodes().size()) {
    done_.assign(image_.size(), 0);
    for (int d = 0; d < from.num_parameters(); ++d) to_.parameter(d);
    if (centring.empty()) return;
    site_of_.resize(static_cast<size_t>(from.num_parameters()), -1);
    for (size_t k = 0; k < sites.size(); ++k) {
      const Site& site = sites[k];
      site_of_[static_cast<size_t>(site.coordinate)] = static_cast<int>(k);
      for (const NodeIndex node : {site.sum, site.product, site.residual, site.kernel}) {
        if (node >= 0) site_of_node_[node] = static_cast<int>(k);
      }
    }
  }

  /// The copy of a number. O(nodes it needs that have not been copied).
  Scalar copy(Scalar s) {
    if (s.is_constant()) return s;
    std::vector<NodeIndex> open{s.index()};
    while (!open.empty()) {
      const NodeIndex node = open.back();
      if (done_[static_cast<size_t>(node)]) {
        open.pop_back();
        continue;
      }
      const size_t before = open.size();
      visit_needed(node, [&](Scalar needed) {
        if (!needed.is_constant() && !done_[static_cast<size_t>(needed.index())]) {
          open.push_back(needed.index());
        }
      });
      if (open.size() > before) continue;
      make(node);
      open.pop_back();
    }
    return image_[static_cast<size_t>(s.index())];
  }

  /// s^exponent of a positive s.
  Scalar power(Scalar s, double exponent) {
    if (exponent == 0) return 1.0;
    if (exponent == 1) return s;
    if (exponent == -1) return to_.inv(s);
    return to_.exp(to_.mul(exponent, to_.log(s)));
  }

  Graph& graph() { return to_; }
  Graph take() { return std::move(to_); }

 private:
  Scalar image(Scalar s) const {
    return s.is_constant() ? s : image_[static_cast<size_t>(s.index())];
  }

  /// The site that gives a node its new form, -1 if none does.
  int site_of(NodeIndex node) const {
    if (centring_.empty()) return -1;
    const Node& n = from_.node(node);
    if (n.op == Op::kParameter) return site_of_[n.first_operand];
    const auto found = site_of_node_.find(node);
    return found == site_of_node_.end() ? -1 : found->second;
  }

  template <class Visit>
  void visit_needed(NodeIndex node, Visit visit) const {
    if (const int site = site_of(node); site >= 0) {
      visit(sites_[static_cast<size_t>(site)].location);
      visit(sites_[static_cast<size_t>(site)].scale);
      return;
    }
    const Node& n = from_.node(node);
    const std::span<const Operand> ops =
        n.op == Op::kElement
            ? std::span<const Operand>(from_.array_calls()[static_cast<size_t>(n.array)].inputs)
            : from_.operands(n);
    for (const Operand o : ops) visit(from_.scalar(o));
  }

  void set(NodeIndex node, Scalar value) {
    const auto i = static_cast<size_t>(node);
    image_[i] = value;
    done_[i] = 1;
    to_.assume(value, from_.node(node).range);
  }

  void make(NodeIndex node) {
    if (const int site = site_of(node); site >= 0) {
      return set(node, form_at_site(node, static_cast<size_t>(site)));
    }
    const Node& n = from_.node(node);
    if (n.op == Op::kParameter) {
      return set(node, to_.parameter(static_cast<int>(n.first_operand)));
    }
    std::vector<Scalar> operands;
    visit_needed(node, [&](Scalar s) { operands.push_back(image(s)); });
    if (n.op != Op::kElement) return set(node, to_.rebuild(n.op, operands));
    const ArrayCall& call = from_.array_calls()[static_cast<size_t>(n.array)];
    const std::vector<Scalar> outputs = to_.call(call.function, operands);
    for (size_t k = 0; k < outputs.size(); ++k) set(call.outputs[k], outputs[k]);
  }

  /// With d = x_c - c location: x - location = scale^(1 - c) d, and u = scale^-c d.
  Scalar form_at_site(NodeIndex node, size_t k) {
    const Site& site = sites_[k];
    const double c = centring_[k];
    const Scalar location = image(site.location), scale = image(site.scale);
    const Scalar coordinate = to_.parameter(site.coordinate);
    if (node == site.kernel) {
      return to_.apply(Op::kNormalKernel, coordinate, to_.mul(c, location), power(scale, -c));
    }
    const Scalar d = to_.sub(coordinate, to_.mul(c, location));
    if (node == site.residual || node == site.product) return to_.mul(power(scale, 1 - c), d);
    const bool is_coordinate = node != site.sum;
    if (is_coordinate && !site.centred) return to_.mul(power(scale, -c), d);
    return c == 1 ? coordinate : to_.add(location, to_.mul(power(scale, 1 - c), d));
  }

  const Graph& from_;
  std::span<const Site> sites_;
  std::span<const double> centring_;
  Graph to_;
  std::vector<Scalar> image_;
  std::vector<char> done_;
  std::vector<int> site_of_;  // by coordinate
  std::unordered_map<NodeIndex, int> site_of_node_;
};

/// By how much log |d x / d x_c| or log |d u / d x_c| is a multiple of log scale.
double jacobian_weight(const Site& site, double c) { return site.centred ? 1 - c : -c; }

Scalar log_abs_det(Rewriter& rewriter, std::span<const Site> sites,
                   std::span<const double> centring) {
  std::vector<double> weights;
  std::vector<Scalar> logs;
  for (size_t k = 0; k < sites.size(); ++k) {
    const double weight = jacobian_weight(sites[k], centring[k]);
    if (weight == 0) continue;
    weights.push_back(weight);
    logs.push_back(rewriter.graph().log(rewriter.copy(sites[k].scale)));
  }
  return rewriter.graph().lincomb(0, weights, logs);
}

}  // namespace

std::vector<Site> find_sites(Graph& graph) { return SiteFinder(graph).run(); }

Recentred recentre(const Graph& graph, std::span<const Term> terms,
                   std::span<const double> constants, std::span<const Site> sites,
                   std::span<const double> centring) {
  VINCI_CHECK(centring.size() == sites.size() && constants.size() == 2);
  Rewriter rewriter(graph, sites, centring);
  Graph& to = rewriter.graph();
  for (const Guard& g : graph.guards()) {
    to.require(g.kind, rewriter.copy(Scalar::node(g.node)), g.span, g.what);
  }
  for (const Term& t : terms) {
    to.add_term(rewriter.copy(Scalar::node(t.node)), t.span, t.is_jacobian, t.weight);
  }
  std::vector<Scalar> original;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {  // parameters are numbered as they come
    if (graph.nodes()[i].op == Op::kParameter) {
      original.push_back(rewriter.copy(Scalar::node(static_cast<NodeIndex>(i))));
    }
  }
  const Scalar log_det = log_abs_det(rewriter, sites, centring);
  // Of one kind with the priors' own -log scale, so that they merge.
  to.add_term(log_det, {});
  std::vector<Term> all = to.terms();
  to.replace_terms(std::move(all), constants[0], constants[1]);
  return {rewriter.take(), std::move(original), log_det};
}

Uncentred to_recentred(const Graph& graph, std::span<const Site> sites,
                       std::span<const double> centring) {
  VINCI_CHECK(centring.size() == sites.size());
  Rewriter rewriter(graph, sites, {});
  Graph& to = rewriter.graph();
  std::vector<Scalar> recentred;
  for (int d = 0; d < graph.num_parameters(); ++d) recentred.push_back(to.parameter(d));
  for (size_t k = 0; k < sites.size(); ++k) {
    const Site& site = sites[k];
    const double c = centring[k];
    const Scalar location = rewriter.copy(site.location), scale = rewriter.copy(site.scale);
    Scalar& x = recentred[static_cast<size_t>(site.coordinate)];
    if (site.centred && c == 1) continue;
    const Scalar scaled = site.centred ? to.mul(rewriter.power(scale, c - 1), to.sub(x, location))
                                       : to.mul(rewriter.power(scale, c), x);
    x = to.add(to.mul(c, location), scaled);
  }
  const Scalar log_det = log_abs_det(rewriter, sites, centring);
  return {rewriter.take(), std::move(recentred), log_det};
}

}  // namespace vinci::graph
