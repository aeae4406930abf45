// Learning the built-in models: expectation maximisation on the rows of a table.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "coding/component_model.h"
#include "vinci/context.h"

namespace vinci::coding {

/// Rows of symbols below the sizes of the columns.
struct SymbolTable {
  std::vector<Column> columns;
  std::vector<uint16_t> symbols;  // row after row
  size_t num_rows() const { return columns.empty() ? 0 : symbols.size() / columns.size(); }
};

struct LearnOptions {
  ModelKind kind = ModelKind::kMixture;
  /// 0: chosen so that data and model together take the fewest bits.
  size_t components = 0;
  int max_steps = 30;
  uint64_t seed = 1;
  int threads = 1;
  /// Rows that the model is to code, for the choice of components; 0: those it learns from.
  size_t rows_to_code = 0;
};

/// Columns that hold all values of `values` (rows times num_columns of them): up to
/// kMaxColumnSymbols symbols each, wider ranges with bits below.
std::vector<Column> fit_columns(std::span<const int64_t> values, size_t num_columns);

/// Maximum-likelihood codes by EM from rows chosen at random as first components; stops where a
/// step gains less than 1e-4 of the bits. The same result for every number of threads (on one
/// machine: EM itself runs in ordinary floating point, only what it ends at is stored).
/// O(steps rows columns components). An empty table gives one component.
ModelCodes learn(const SymbolTable& table, const LearnOptions& options,
                 const Context& context = {});

}  // namespace vinci::coding
