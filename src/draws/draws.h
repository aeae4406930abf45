// Draws: what every method hands over, values of named variables for a number of draws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vinci::draws {

/// A variable of a model as it stands in the output.
struct Variable {
  std::string name;
  std::vector<int64_t> dims;  ///< outermost array index first; empty for a scalar
  size_t first_column = 0;
  size_t num_columns = 1;
};

/// A table of draws, row-major: one row for each draw. The columns of a variable are its elements
/// in column-major order (first index fastest, array indices included), as CmdStan writes them.
class Draws {
 public:
  /// Adds a variable with columns `name.1.1`, `name.2.1`, ... Only before the first `resize`.
  void add_variable(std::string name, std::vector<int64_t> dims);
  /// Adds a variable whose columns have names of their own (complex numbers, tuples): `z.real`,
  /// `t:2.1`.
  void add_variable(std::string name, std::vector<int64_t> dims, std::vector<std::string> columns);
  /// Sets the number of draws; new ones are zero.
  void resize(size_t num_draws);

  size_t num_draws() const { return num_draws_; }
  size_t num_columns() const { return columns_.size(); }
  const std::vector<Variable>& variables() const { return variables_; }
  /// Names in CmdStan's form, `theta.3`.
  const std::vector<std::string>& columns() const { return columns_; }
  /// nullptr if there is none.
  const Variable* find(std::string_view name) const;

  std::span<double> row(size_t draw) {
    return {values_.data() + draw * num_columns(), num_columns()};
  }
  std::span<const double> row(size_t draw) const {
    return {values_.data() + draw * num_columns(), num_columns()};
  }
  /// A copy of one column, [num_draws].
  std::vector<double> column(size_t index) const;

  /// log p(theta, data) of each draw in unconstrained space, nats, Jacobian included. Empty if not
  /// known.
  std::vector<double> log_density;
  /// log q of each draw in unconstrained space, nats. Empty if not known.
  std::vector<double> log_approximation;
  /// Logarithms of importance weights, not normalised. Empty for equal weights.
  std::vector<double> log_weights;

 private:
  std::vector<Variable> variables_;
  std::vector<std::string> columns_;
  std::vector<double> values_;
  size_t num_draws_ = 0;
};

/// The elements of a variable in column-major order: `name.1.1`, `name.2.1`, ...; just `name` for a
/// scalar.
std::vector<std::string> element_names(const std::string& name, std::span<const int64_t> dims);

/// `theta.1.2` -> `theta[1,2]`, `z.3.real` -> `z[3].real`, `t:2.1` -> `t:2[1]`: names as people
/// read them.
std::string bracket_name(std::string_view column);

}  // namespace vinci::draws
