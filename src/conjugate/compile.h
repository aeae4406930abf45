// From a program and its data to a conjugate network, or to the reasons why there is none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conjugate/network.h"
#include "conjugate/terms.h"
#include "data/data_table.h"
#include "source/diagnostic.h"

namespace vinci::conjugate {

struct CompileOptions {
  uint64_t seed = 1;  // of random numbers in transformed data
  /// Whether a normal block and the precision that scales all of it are one variable (and a normal
  /// vector with its Wishart matrix): a better bound than their product.
  bool joint_scales = true;
  bool stop_at_first = false;  // where it is enough to know that the program does not fit
  const Context* context = nullptr;
  /// Points about which linear leaves are expanded, by leaf; empty: zero.
  std::vector<double> shifts;
};

/// Something that does not fit, and where.
struct Misfit {
  source::Span span;
  std::string message;
};

/// A plate of discrete variables (or admixture) in the network.
struct PlateInfo {
  int32_t variable = -1;
  std::string name;  // of the discrete parameter
  int64_t rows = 0, states = 0;
  bool is_admixture = false, is_chain = false;
};

/// The numbers of the program that belong to the states of a discrete parameter: at state k
/// leaves[k][i], for each i alike; of a table of transitions those from i to j at [i * K + j].
struct StateLeaves {
  std::string name;
  int64_t first_state = 1;
  std::vector<std::vector<int32_t>> leaves;
  std::vector<std::vector<int32_t>> transitions;
};

struct Conjugate {
  Network network;
  Statements statements;                // leaves, parameters, containers; no terms any more
  std::vector<std::string> leaf_names;  // `theta[2,1]`
  std::vector<PlateInfo> plates;
  std::vector<StateLeaves> state_leaves;             // of each discrete parameter that gates
  std::vector<std::vector<int32_t>> product_leaves;  // those that stand in products together
  int64_t num_statements = 0;
  int64_t num_log_rates = 0;               // factors that are not conjugate
  std::vector<std::string> augmentations;  // in words, such as "Polya-gamma for 400 outcomes"
};

/// Null where the program does not fit; `misfits` says what (each statement once). Where the
/// program or data are at fault, `diagnostics` says so and `misfits` is empty.
std::unique_ptr<Conjugate> compile(const check::TypedProgram& typed, const data::DataTable& data,
                                   const CompileOptions& options, std::vector<Misfit>& misfits,
                                   source::DiagnosticSink& diagnostics);

}  // namespace vinci::conjugate
