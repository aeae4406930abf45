// RowTables: the distribution of data rows that a program stands for once its parameters are known,
// read off its density. What lossless coding of data with a fitted program works with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "check/check.h"
#include "data/data_table.h"
#include "model/model.h"

namespace vinci::model {

/// log p(z_1 .. z_N, y_1 .. y_N | theta) = initial[z_1] + sum_n transition[z_(n-1)][z_n]
/// + sum_n sum_j log_p_j[z_n][y_nj], z_n the joint state of row n's discrete parameters.
struct RowTables {
  struct Column {
    int64_t low = 0;            // the integer of the first symbol's first value
    uint32_t shift = 0;         // a symbol stands for 2^shift integers
    size_t size = 0;            // symbols
    std::vector<double> log_p;  // [state][symbol]; each state's sum to one
  };
  size_t num_states = 1;           // 1 also of a program without discrete parameters
  std::vector<double> initial;     // [state], log
  std::vector<double> transition;  // [from][to], log; empty where rows are independent
  std::vector<Column> columns;

  double log_likelihood = 0;  // log p(the program's data | theta), states summed out

  /// The formula above. `states` [N], `symbols` [N][columns].
  double log_density(const std::vector<size_t>& states, const std::vector<size_t>& symbols) const;
  /// log sum_z exp of it, by the forward algorithm.
  double log_marginal(const std::vector<size_t>& symbols) const;
};

struct RowTablesOptions {
  /// Variables of the data block that are the table's columns: each of N rows, or N rows times
  /// columns.
  std::vector<std::string> table;
  size_t num_columns = 0;  // that they have to have; 0: any number
  /// A number of the program's data is `unit` times an integer; of variables of type int, 1.
  double unit = 1;
  size_t max_symbols = 1024;  // a column, a power of 2
  size_t max_states = 256;
};

/// Evaluates the joint density of data and states where all rows have the same values and states
/// (and, for transitions, the last row another state), at the values that `parameters` gives to all
/// continuous parameters; others in it are left alone. That rows are what RowTables says, columns
/// independent given the state and nothing else in play, is then checked on the program's own data
/// at random states: a program with, say, a covariate is refused.
/// A column has the values of the data, and where they are not bounded, as many more as it takes to
/// leave out no more than about 1e-11 of the mass. Cost: a trace of the program a symbol. Throws
/// Error(kInput), a sentence; Error(kCancelled).
RowTables read_row_tables(const std::shared_ptr<const check::TypedProgram>& program,
                          const data::DataTable& data, const data::DataTable& parameters,
                          const RowTablesOptions& options, const BuildOptions& build);

}  // namespace vinci::model
