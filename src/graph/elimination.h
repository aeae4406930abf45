// Exact elimination of discrete variables: from the density of parameters and states to that of the
// parameters alone, log sum_z exp(log p(theta, z)), as a graph that a program with z summed out by
// hand would leave. Independent variables, chains (forward-backward), trees and small cliques all
// come out of one algorithm: variable elimination over the factor graph of the terms
// [Koller and Friedman 2009, Probabilistic Graphical Models, algorithm 9.1].
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace vinci::graph {

struct EliminationOptions {
  /// Entries of all clique tables, times the factors in each.
  double max_cost = 1 << 24;
};

/// A step: `variable` is summed out of the product of the factors that contain it. Their other
/// variables are its `scope`: all of them are eliminated later.
struct EliminationStep {
  int variable;
  std::vector<int> scope;
  double num_states;  // joint ones, of the variable and its scope
  int component;
};

/// What elimination will do, before it is done. Variables that no term mentions are steps too.
struct EliminationPlan {
  std::vector<EliminationStep> steps;  // in order
  int num_components = 0;              // sets of variables that no factor connects
  double cost = 0;                     // as EliminationOptions::max_cost
  bool is_affordable = true;
  /// Where it is not: the largest clique, and what the terms of `span` contribute to it.
  std::vector<int> largest_clique;
  double largest_states = 0;
  source::Span largest_span;
};

/// Clique of one step as the result's values: table[s * K + k] is the log of the product of its
/// factors where the variable has its k-th state (from 0) and the scope its s-th joint state, the
/// last variable of `scope` fastest. p(variable | scope, theta) is proportional to its exponential.
struct CliqueTable {
  int variable;
  std::vector<int> scope;
  std::vector<Scalar> table;
};

struct Elimination {
  Graph graph;
  std::vector<CliqueTable> cliques;  // in order of elimination
  /// Of the outputs asked for; NaN for those that depend on a discrete variable.
  std::vector<Scalar> outputs;
};

/// Factors are the terms and guards that depend on discrete variables. Elimination order: the
/// smallest resulting clique first, ties by the fewest new edges, then in order of declaration.
/// `graph` becomes one whose terms are no sums (split_terms). Cost: O(nodes) and O(n d log n) for n
/// variables of d neighbours.
EliminationPlan plan_elimination(Graph& graph, const EliminationOptions& options = {});

/// The density of the parameters. A state in which a guard fails has density zero. `graph` is the
/// one that was planned.
Elimination eliminate(const Graph& graph, const EliminationPlan& plan,
                      std::span<const Scalar> outputs = {});

}  // namespace vinci::graph
