// Folding normal terms into sufficient statistics, see passes.h.
#include <Eigen/QR>
#include <cmath>
#include <unordered_map>

#include "graph/passes/passes.h"

namespace vinci::graph {

namespace {

/// A normal term weight * -((y - mu) tau)^2 / 2; the residual y - mu as c0 + sum_k coefficient_k *
/// node_k.
struct Observation {
  double weight;
  double c0 = 0;
  std::vector<std::pair<NodeIndex, double>> parts;
  source::Span span;
};

constexpr size_t kMaxParts = 512;
constexpr int kMaxDepth = 32;

/// Adds scale * x to the residual, seeing through linear combinations; false where it grows too
/// large.
bool expand(const Graph& graph, Scalar x, double scale, int depth, Observation& result) {
  if (x.is_constant()) {
    result.c0 += scale * x.constant();
    return true;
  }
  const Node& node = graph.node(x.index());
  if (node.op == Op::kLinComb && depth < kMaxDepth) {
    const auto ops = graph.operands(node);
    result.c0 += scale * graph.constant(ops[0]);
    for (size_t k = 1; k + 1 < ops.size(); k += 2) {
      if (!expand(graph, graph.scalar(ops[k + 1]), scale * graph.constant(ops[k]), depth + 1,
                  result)) {
        return false;
      }
    }
    return true;
  }
  result.parts.emplace_back(x.index(), scale);
  return result.parts.size() <= kMaxParts;
}

/// Observations with the same mean: their number, average and spread.
struct MeanGroup {
  double weight = 0;
  double origin = 0;   // the first y: what follows is relative to it, so that large y lose nothing
  double average = 0;  // running weighted mean of y - origin
  double spread = 0;   // sum of weighted squared deviations  [Welford 1962]
  size_t count = 0;
  Term first{};
};

}  // namespace

void fold_sufficient_statistics(Graph& graph) {
  // Stage 1: constants observed with one mean node and one scale.
  std::vector<Term> kept;
  std::unordered_map<uint64_t, size_t> group_of;
  std::vector<MeanGroup> groups;
  for (const Term& t : graph.terms()) {
    const Node& node = graph.node(t.node);
    const auto ops = graph.operands(node);
    if (node.op != Op::kNormalKernel || t.is_jacobian || !ops[0].is_constant() ||
        ops[1].is_constant() || !(t.weight > 0) || !std::isfinite(graph.constant(ops[0]))) {
      kept.push_back(t);
      continue;
    }
    const uint64_t key = (uint64_t{ops[1].bits} << 32) | ops[2].bits;
    const auto [entry, is_new] = group_of.try_emplace(key, groups.size());
    if (is_new) groups.push_back({0, graph.constant(ops[0]), 0, 0, 0, t});
    MeanGroup& g = groups[entry->second];
    const double y = graph.constant(ops[0]) - g.origin;
    ++g.count;
    g.weight += t.weight;
    const double step = y - g.average;
    g.average += step * t.weight / g.weight;
    g.spread += t.weight * step * (y - g.average);
  }
  struct Pending {
    Scalar value;
    double weight;
    source::Span span;
  };
  std::vector<Pending> added;
  std::vector<Term> normal_terms;
  for (const MeanGroup& g : groups) {
    if (g.count == 1) {
      normal_terms.push_back(g.first);
      continue;
    }
    const auto ops = graph.operands(graph.node(g.first.node));
    const Scalar mu = graph.scalar(ops[1]);
    const Scalar tau = graph.scalar(ops[2]);
    const Scalar kernel = graph.apply(Op::kNormalKernel, g.origin + g.average, mu, tau);
    normal_terms.push_back({kernel.index(), g.weight, false, g.first.span});
    added.push_back({graph.square(tau), -0.5 * g.spread, g.first.span});
  }

  // Stage 2: plates that are linear in few nodes and share their scale.
  std::unordered_map<uint32_t, std::vector<size_t>> by_scale;
  std::vector<uint32_t> scales;
  for (size_t t = 0; t < normal_terms.size(); ++t) {
    const uint32_t tau = graph.operands(graph.node(normal_terms[t].node))[2].bits;
    auto& members = by_scale[tau];
    if (members.empty()) scales.push_back(tau);
    members.push_back(t);
  }
  for (uint32_t scale : scales) {
    const auto& members = by_scale[scale];
    const Scalar tau = graph.scalar(Operand{scale});
    std::vector<Observation> observations;
    std::unordered_map<NodeIndex, int> column_of;
    std::vector<NodeIndex> columns;
    double cost_before = 0;
    bool foldable = members.size() > 2;
    for (size_t m = 0; m < members.size() && foldable; ++m) {
      const Term& t = normal_terms[members[m]];
      const auto ops = graph.operands(graph.node(t.node));
      Observation o{t.weight, 0, {}, t.span};
      foldable = expand(graph, graph.scalar(ops[0]), 1, 0, o) &&
                 expand(graph, graph.scalar(ops[1]), -1, 0, o);
      for (const auto& [node, c] : o.parts) {
        if (column_of.try_emplace(node, static_cast<int>(columns.size())).second) {
          columns.push_back(node);
        }
      }
      cost_before += static_cast<double>(o.parts.size()) + 6;
      observations.push_back(std::move(o));
      foldable = foldable && columns.size() <= kMaxParts;
    }
    const auto rows = static_cast<double>(members.size());
    const auto k = static_cast<double>(columns.size());
    const double cost_after = k * (k + 1) / 2 + 6 * k;
    if (!foldable || rows <= k + 1 || cost_after * 1.5 > cost_before || rows * k * k > 3e8) {
      for (size_t m : members) kept.push_back(normal_terms[m]);
      continue;
    }
    const auto num_columns = static_cast<Eigen::Index>(columns.size());
    Eigen::MatrixXd design =
        Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(members.size()), num_columns + 1);
    for (size_t m = 0; m < observations.size(); ++m) {
      const Observation& o = observations[m];
      const auto row = static_cast<Eigen::Index>(m);
      const double root = std::sqrt(o.weight);
      for (const auto& [node, c] : o.parts) design(row, column_of[node]) += root * c;
      design(row, num_columns) = root * o.c0;
    }
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(design);
    const Eigen::MatrixXd r = qr.matrixQR().topRows(num_columns + 1).triangularView<Eigen::Upper>();
    std::vector<double> c;
    std::vector<Scalar> x;
    for (Eigen::Index i = 0; i < num_columns; ++i) {
      c.clear();
      x.clear();
      for (Eigen::Index j = i; j < num_columns; ++j) {
        if (r(i, j) == 0) continue;
        c.push_back(-r(i, j));
        x.push_back(Scalar::node(columns[static_cast<size_t>(j)]));
      }
      added.push_back(
          {graph.apply(Op::kNormalKernel, r(i, num_columns), graph.lincomb(0, c, x), tau), 1.0,
           observations[0].span});
    }
    const double residual = r(num_columns, num_columns);
    added.push_back({graph.square(tau), -0.5 * residual * residual, observations[0].span});
  }

  graph.replace_terms(std::move(kept), 0, 0);
  for (const Pending& p : added) graph.add_term(p.value, p.span, false, p.weight);
}

}  // namespace vinci::graph
