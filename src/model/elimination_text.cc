#include "model/elimination_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace vinci::model {

namespace {

/// `z` of `z.1.2`, `t` of `t.1:2`.
std::string base_name(const std::string& element) {
  return element.substr(0, element.find_first_of(".:"));
}

/// Of one component: the variables that terms connect.
struct Component {
  std::set<std::string> names;
  int64_t num_variables = 0;
  int64_t least_states = 0, most_states = 0;
  size_t widest = 0;  // variables of the largest clique
  double clique_states = 0;
  size_t most_neighbours = 0;  // in the tree that the steps make
  std::map<int, size_t> neighbours;
};

std::string states_text(int64_t least, int64_t most) {
  if (least == most) return fmt::format("{} state{}", most, most == 1 ? "" : "s");
  return fmt::format("{} to {} states", least, most);
}

enum class Way : uint8_t { kEnumeration, kChain, kTree, kGeneral };

Way way_of(const Component& c) {
  if (c.num_variables == 1) return Way::kEnumeration;
  if (c.widest > 2) return Way::kGeneral;
  return c.most_neighbours <= 2 ? Way::kChain : Way::kTree;
}

}  // namespace

std::vector<std::string> describe_elimination(const graph::EliminationPlan& plan,
                                              const graph::Graph& graph) {
  std::vector<Component> components(static_cast<size_t>(plan.num_components));
  for (const graph::EliminationStep& step : plan.steps) {
    Component& c = components[static_cast<size_t>(step.component)];
    const graph::DiscreteVariable& v =
        graph.discrete_variables()[static_cast<size_t>(step.variable)];
    c.names.insert(base_name(v.name));
    const int64_t states = v.num_states();
    c.least_states = c.num_variables == 0 ? states : std::min(c.least_states, states);
    c.most_states = std::max(c.most_states, states);
    ++c.num_variables;
    c.widest = std::max(c.widest, step.scope.size() + 1);
    c.clique_states = std::max(c.clique_states, step.num_states);
    if (step.scope.size() == 1) {
      for (const int u : {step.variable, step.scope[0]}) {
        c.most_neighbours = std::max(c.most_neighbours, ++c.neighbours[u]);
      }
    }
  }
  // Components of the same variables that go the same way share a line.
  struct Line {
    std::string names;
    Way way;
    int64_t count = 0, variables = 0, least_size = 0, most_size = 0;
    int64_t least_states = 0, most_states = 0;
    size_t widest = 0;
    double clique_states = 0;
  };
  std::vector<Line> lines;
  for (const Component& c : components) {
    if (c.num_variables == 0) continue;
    std::string names;
    for (const std::string& name : c.names) names += (names.empty() ? "" : ", ") + name;
    const Way way = way_of(c);
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&](const Line& l) { return l.names == names && l.way == way; });
    if (line == lines.end()) {
      lines.push_back({names, way});
      line = lines.end() - 1;
      line->least_size = c.num_variables;
      line->least_states = c.least_states;
    }
    ++line->count;
    line->variables += c.num_variables;
    line->least_size = std::min(line->least_size, c.num_variables);
    line->most_size = std::max(line->most_size, c.num_variables);
    line->least_states = std::min(line->least_states, c.least_states);
    line->most_states = std::max(line->most_states, c.most_states);
    line->widest = std::max(line->widest, c.widest);
    line->clique_states = std::max(line->clique_states, c.clique_states);
  }
  std::vector<std::string> text;
  for (const Line& l : lines) {
    const std::string states = states_text(l.least_states, l.most_states);
    const std::string size = l.least_size == l.most_size
                                 ? fmt::format("{}", l.most_size)
                                 : fmt::format("{} to {}", l.least_size, l.most_size);
    std::string what;
    switch (l.way) {
      case Way::kEnumeration:
        what = l.count == 1
                   ? fmt::format("{}, enumeration", states)
                   : fmt::format("{} variables of {}, enumeration in a plate", l.count, states);
        break;
      case Way::kChain:
        what = l.count == 1 ? fmt::format("forward-backward over {} steps of {}", size, states)
                            : fmt::format("{} chains of {} steps of {}, forward-backward", l.count,
                                          size, states);
        break;
      case Way::kTree:
        what = fmt::format("{}tree{} of {} variables of {}, sum-product",
                           l.count == 1 ? "" : fmt::format("{} ", l.count), l.count == 1 ? "" : "s",
                           size, states);
        break;
      case Way::kGeneral:
        what = fmt::format(
            "{}{} variables of {}, variable elimination with cliques of at most {} "
            "variables ({:g} joint states)",
            l.count == 1 ? "" : fmt::format("{} sets of ", l.count), size, states, l.widest,
            l.clique_states);
        break;
    }
    text.push_back(l.names + ": " + what);
  }
  return text;
}

void report_unaffordable(const graph::EliminationPlan& plan, const graph::Graph& graph,
                         source::DiagnosticSink& sink) {
  constexpr size_t kMostNames = 6;
  std::string names;
  for (size_t k = 0; k < plan.largest_clique.size() && k < kMostNames; ++k) {
    names += (k > 0 ? ", " : "") +
             graph.discrete_variables()[static_cast<size_t>(plan.largest_clique[k])].name;
  }
  const size_t width = plan.largest_clique.size();
  if (width > kMostNames) names += ", ...";
  sink.error(source::DiagnosticKind::kLimit, plan.largest_span,
             fmt::format("the discrete parameters cannot be summed out exactly: {} variable{} ({}) "
                         "{} {:.3g} joint states; elimination takes at most {:.3g} entries in all",
                         width, width == 1 ? "" : "s", names,
                         width == 1 ? "with" : "that depend on each other have",
                         plan.largest_states, graph::EliminationOptions{}.max_cost))
      .with_hint("fewer states, or terms that connect fewer of the variables, make it affordable");
}

}  // namespace vinci::model
