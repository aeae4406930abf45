#include "model/row_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>

#include "numeric/random/random_stream.h"
#include "numeric/special/special.h"
#include "vinci/error.h"

namespace vinci::model {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
/// Symbols of less than e^-25 of the likeliest one's mass end a support.
constexpr double kNegligible = 25;
/// In a row; beyond the data, so that a gap is no end.
constexpr int kNegligibleSymbols = 16;
/// Rows of the data that are tried as the values that the other rows have.
constexpr size_t kBaseRows = 64;
constexpr int kChecks = 16;

[[noreturn]] void misfit(const std::string& message) { throw Error(Error::Kind::kInput, message); }

/// `z.3.2` as the name `z` and the indices {3, 2}.
std::string split_name(const std::string& name, std::vector<int64_t>& indices) {
  indices.clear();
  const size_t dot = name.find('.');
  for (size_t at = dot; at != std::string::npos; at = name.find('.', at + 1))
    indices.push_back(std::stoll(name.substr(at + 1)));
  return name.substr(0, dot);
}

class Reader {
 public:
  Reader(std::shared_ptr<const check::TypedProgram> program, const data::DataTable& data,
         const data::DataTable& parameters, const RowTablesOptions& options,
         const BuildOptions& build)
      : program_(std::move(program)),
        data_(data),
        parameters_(parameters),
        options_(options),
        build_(build) {
    build_.marginalise = false;
    build_.messages = nullptr;
  }

  RowTables read() {
    read_columns();
    const std::unique_ptr<Model> model = bind(data_, /*must=*/true);
    read_states(*model);
    unconstrain(*model);
    find_base();
    for (size_t c = 0; c < out_.columns.size(); ++c) read_emissions(c);
    read_transitions();
    check();
    return std::move(out_);
  }

 private:
  /// Where column c of the table is: element `offset` of each row of a variable.
  struct Source {
    std::string variable;
    size_t offset, stride;
    bool is_int;
    int64_t data_low, data_high;  // the integers that the data have
  };

  /// The integer that a number of the data is, rounded.
  int64_t integer_of(const Source& source, double x) const {
    return std::llround(source.is_int ? x : x / options_.unit);
  }
  /// The middle of a symbol, in the units of the data.
  double number_of(size_t c, int64_t symbol) const {
    const RowTables::Column& column = out_.columns[c];
    const double step = std::ldexp(1.0, static_cast<int>(column.shift));
    const double middle =
        static_cast<double>(column.low) + step * static_cast<double>(symbol) + (step - 1) / 2;
    return sources_[c].is_int ? middle : middle * options_.unit;
  }

  void read_columns() {
    if (options_.table.empty()) misfit("No variable of the data is named as the table.");
    for (const std::string& name : options_.table) {
      const data::DataValue* value = data_.find(name);
      if (value == nullptr) misfit(fmt::format("The data have no variable `{}`.", name));
      if (value->is_tuple() || value->dims.empty() || value->dims.size() > 2)
        misfit(
            fmt::format("The variable `{}` is not an array of rows or of rows and columns.", name));
      const auto rows = static_cast<size_t>(value->dims[0]);
      if (sources_.empty()) num_rows_ = rows;
      if (rows != num_rows_)
        misfit(fmt::format("The variable `{}` has {} rows, `{}` has {}.", name, rows,
                           options_.table[0], num_rows_));
      if (rows < 3) misfit(fmt::format("The variable `{}` has fewer than 3 rows.", name));
      const size_t stride = value->dims.size() == 2 ? static_cast<size_t>(value->dims[1]) : 1;
      for (size_t offset = 0; offset < stride; ++offset)
        add_column({name, offset, stride, value->is_int && options_.unit == 1, 0, 0}, *value);
    }
    if (options_.num_columns > 0 && options_.num_columns != sources_.size())
      misfit(fmt::format("The table has {} columns; {} of the program's data has {}.",
                         options_.num_columns, fmt::join(options_.table, ", "), sources_.size()));
  }

  void add_column(Source source, const data::DataValue& value) {
    source.data_low = std::numeric_limits<int64_t>::max();
    source.data_high = std::numeric_limits<int64_t>::min();
    std::vector<int64_t> integers;
    for (size_t n = 0; n < num_rows_; ++n) {
      const double x = value.values[n * source.stride + source.offset];
      if (!(std::fabs(x) < 1e15 * options_.unit))
        misfit(fmt::format("The variable `{}` has the value {}.", source.variable, x));
      integers.push_back(integer_of(source, x));
      source.data_low = std::min(source.data_low, integers.back());
      source.data_high = std::max(source.data_high, integers.back());
    }
    RowTables::Column column;
    const auto range = static_cast<uint64_t>(source.data_high - source.data_low) + 1;
    if (source.is_int) {
      if (range > options_.max_symbols)
        misfit(fmt::format("The variable `{}` ranges from {} to {}; {} values can be tabulated.",
                           source.variable, source.data_low, source.data_high,
                           options_.max_symbols));
    } else {
      while ((range >> column.shift) > options_.max_symbols / 3) ++column.shift;
    }
    column.low = source.data_low;
    sources_.push_back(source);
    out_.columns.push_back(std::move(column));
    integers_.push_back(std::move(integers));
  }

  std::unique_ptr<Model> bind(const data::DataTable& data, bool must) const {
    source::DiagnosticSink sink;
    auto model = Model::build(program_, data, build_, sink);
    if (build_.context != nullptr && build_.context->cancelled())
      throw Error(Error::Kind::kCancelled, "Reading the program's tables was cancelled.");
    if (model == nullptr && must) {
      const auto& all = sink.diagnostics();
      const auto first = std::find_if(all.begin(), all.end(), [](const source::Diagnostic& d) {
        return d.severity == source::Severity::kError;
      });
      misfit(fmt::format("The program cannot be bound to the data: {}",
                         first == all.end() ? std::string("no reason was given") : first->message));
    }
    return model;
  }

  /// Groups the discrete parameters by their first index: those of a row are its joint state.
  void read_states(const Model& model) {
    const auto& variables = model.discrete_variables();
    has_states_ = !variables.empty();
    by_row_.assign(num_rows_, {});
    std::vector<int64_t> indices;
    for (size_t m = 0; m < variables.size(); ++m) {
      const std::string name = split_name(variables[m].name, indices);
      if (indices.empty() || indices[0] < 1 || static_cast<size_t>(indices[0]) > num_rows_)
        misfit(
            fmt::format("The discrete parameter `{}` does not belong to a row of the table: its "
                        "first index is to be one of {} rows.",
                        name, num_rows_));
      by_row_[static_cast<size_t>(indices[0] - 1)].push_back(m);
    }
    for (const std::vector<size_t>& of_row : by_row_) {
      const std::vector<size_t>& first = by_row_[0];
      const bool equal = std::equal(
          of_row.begin(), of_row.end(), first.begin(), first.end(), [&](size_t a, size_t b) {
            return variables[a].low == variables[b].low && variables[a].high == variables[b].high;
          });
      if (!equal) misfit("The rows of the table have different discrete parameters.");
    }
    for (const size_t m : by_row_[0]) {
      digits_.push_back({variables[m].low, variables[m].num_states()});
      out_.num_states *= static_cast<size_t>(variables[m].num_states());
      if (out_.num_states > options_.max_states)
        misfit(fmt::format("A row has more than {} joint states.", options_.max_states));
    }
  }

  void unconstrain(const Model& model) {
    theta_.assign(static_cast<size_t>(model.dim()), 0.0);
    std::vector<bool> given(theta_.size(), false);
    source::DiagnosticSink sink;
    data::DataTable continuous;
    for (const ParameterInfo& p : model.parameters()) {
      const data::DataValue* value = parameters_.find(p.name);
      if (value == nullptr) misfit(fmt::format("There is no value of parameter `{}`.", p.name));
      continuous.set(p.name, *value);
    }
    if (!model.unconstrain(continuous, theta_, given, sink)) {
      for (const source::Diagnostic& d : sink.diagnostics())
        if (d.severity == source::Severity::kError) misfit(d.message);
      misfit("The parameters are not within their constraints.");
    }
    num_rows_of_point_ = theta_.size() + num_rows_ * digits_.size();
  }

  /// log p(states, data | theta) without the Jacobian; -inf where it is no number.
  std::vector<double> evaluate(const Model& model, size_t lanes,
                               const std::function<size_t(size_t lane, size_t row)>& state) const {
    std::vector<double> points(num_rows_of_point_ * lanes), values(lanes), plain(lanes);
    for (size_t i = 0; i < theta_.size(); ++i)
      std::fill_n(points.begin() + static_cast<ptrdiff_t>(i * lanes), lanes, theta_[i]);
    for (size_t l = 0; l < lanes; ++l) {
      for (size_t n = 0; has_states_ && n < num_rows_; ++n) {
        size_t code = state(l, n);
        for (size_t d = digits_.size(); d-- > 0;) {
          const auto states = static_cast<size_t>(digits_[d].num_states);
          points[(theta_.size() + by_row_[n][d]) * lanes + l] =
              static_cast<double>(digits_[d].low + static_cast<int64_t>(code % states));
          code /= states;
        }
      }
    }
    const auto width = static_cast<Index>(lanes);
    const LaneMatrix at{points.data(), static_cast<Index>(num_rows_of_point_), width, width};
    const MutableLaneMatrix none{nullptr, static_cast<Index>(num_rows_of_point_), width, width};
    if (has_states_) {
      model.joint().evaluate(at, values, none, plain);
    } else {
      model.evaluate(at, values, none, plain);
    }
    for (size_t l = 0; l < lanes; ++l)
      if (!(values[l] > -kInf) || !std::isfinite(plain[l])) plain[l] = -kInf;
    return plain;
  }
  /// The same with all rows in state k, for every k.
  std::vector<double> evaluate_uniform(const Model& model) const {
    return evaluate(model, out_.num_states, [](size_t lane, size_t) { return lane; });
  }

  /// The data with `number(column, row)` in the place of the table.
  data::DataTable data_with(const std::function<double(size_t, size_t)>& number) const {
    data::DataTable table = data_;
    for (size_t c = 0; c < sources_.size();) {
      const Source& source = sources_[c];
      const data::DataValue& old = *data_.find(source.variable);
      std::vector<double> values(num_rows_ * source.stride);
      for (size_t n = 0; n < num_rows_; ++n)
        for (size_t k = 0; k < source.stride; ++k) values[n * source.stride + k] = number(c + k, n);
      data::DataValue value = data::make_value(old.dims, std::move(values), source.is_int);
      value.span = old.span;
      value.name_span = old.name_span;
      table.set(source.variable, std::move(value));
      c += source.stride;
    }
    return table;
  }

  /// Values that are possible in every state, for the columns that are not looked at.
  void find_base() {
    std::vector<std::vector<double>> tried;
    for (size_t n = 0; n < num_rows_ && tried.size() < kBaseRows; ++n) {
      std::vector<double> row;
      for (size_t c = 0; c < sources_.size(); ++c)
        row.push_back(number_of(c, symbol_of(c, integers_[c][n])));
      if (std::find(tried.begin(), tried.end(), row) != tried.end()) continue;
      tried.push_back(row);
      auto model = bind(data_with([&](size_t c, size_t) { return row[c]; }), false);
      if (model == nullptr) continue;
      const std::vector<double> value = evaluate_uniform(*model);
      if (std::all_of(value.begin(), value.end(), [](double v) { return v > -kInf; })) {
        base_ = row;
        base_row_ = n;
        base_value_ = value;
        base_model_ = std::move(model);
        return;
      }
    }
    misfit(
        "No row of the data is possible in every state, or a state cannot follow itself: the "
        "program's tables cannot be read off its density.");
  }

  int64_t symbol_of(size_t c, int64_t integer) const {
    return (integer - out_.columns[c].low) >> out_.columns[c].shift;
  }

  /// Of column c, `share` is done.
  void report_progress(size_t c, double share) const {
    if (build_.context == nullptr) return;
    Progress p;
    p.stage = "reading the program's tables";
    p.fraction =
        (static_cast<double>(c) + std::min(share, 1.0)) / static_cast<double>(sources_.size());
    build_.context->progress(p);
  }

  void read_emissions(size_t c) {
    RowTables::Column& column = out_.columns[c];
    const size_t states = out_.num_states;
    std::vector<double> best(states, -kInf);
    const int64_t last = symbol_of(c, sources_[c].data_high);
    // Log probabilities up to a constant of each state; -inf where data of this value are refused.
    int64_t looks = 0;
    const auto look = [&](int64_t symbol) {
      report_progress(
          c, static_cast<double>(looks++) / static_cast<double>(last + 1 + 2 * kNegligibleSymbols));
      const double x = number_of(c, symbol);
      std::vector<double> value(states, -kInf);
      if (!sources_[c].is_int || std::fabs(x) < 2147483648.0) {
        const auto model =
            bind(data_with([&](size_t k, size_t) { return k == c ? x : base_[k]; }), false);
        if (model != nullptr) value = evaluate_uniform(*model);
      }
      for (size_t k = 0; k < states; ++k) {
        value[k] = (value[k] - base_value_[k]) / static_cast<double>(num_rows_);
        best[k] = std::max(best[k], value[k]);
      }
      return value;
    };
    const auto negligible = [&](const std::vector<double>& value) {
      for (size_t k = 0; k < states; ++k)
        if (value[k] > best[k] - kNegligible) return false;
      return true;
    };
    std::vector<std::vector<double>> above, below;
    for (int64_t s = 0; s <= last; ++s) above.push_back(look(s));
    const auto extend = [&](std::vector<std::vector<double>>& side, int64_t first, int64_t step) {
      std::vector<std::vector<double>> doubtful;
      for (int64_t s = first;
           above.size() + below.size() + doubtful.size() < options_.max_symbols &&
           doubtful.size() < kNegligibleSymbols;
           s += step) {
        doubtful.push_back(look(s));
        if (negligible(doubtful.back())) continue;
        side.insert(side.end(), doubtful.begin(), doubtful.end());
        doubtful.clear();
      }
    };
    extend(above, last + 1, 1);
    extend(below, -1, -1);
    column.low -= static_cast<int64_t>(below.size()) << column.shift;
    column.size = below.size() + above.size();
    column.log_p.resize(states * column.size);
    for (size_t k = 0; k < states; ++k) {
      const std::span<double> row(column.log_p.data() + k * column.size, column.size);
      for (size_t s = 0; s < column.size; ++s)
        row[s] = s < below.size() ? below[below.size() - 1 - s][k] : above[s - below.size()][k];
      const double total = numeric::log_sum_exp(row);
      for (double& v : row) v -= total;
    }
  }

  /// log p(base row | k).
  double base_emission(size_t k) const {
    double sum = 0;
    for (size_t c = 0; c < sources_.size(); ++c)
      sum += out_.columns[c].log_p[k * out_.columns[c].size +
                                   static_cast<size_t>(symbol_of(c, integers_[c][base_row_]))];
    return sum;
  }

  void read_transitions() {
    const size_t states = out_.num_states;
    const auto rows = static_cast<double>(num_rows_);
    out_.initial.assign(states, 0.0);
    std::vector<double> emission(states);
    for (size_t k = 0; k < states; ++k) emission[k] = base_emission(k);
    if (states == 1) {
      constant_ = base_value_[0] - rows * emission[0];
      return;
    }
    // With all rows in state i but the last one in j, the density depends on j by transition[i][j]
    // and the emission of j; rows of probabilities sum to one.
    std::vector<double> transition(states * states);
    for (size_t i = 0; i < states; ++i) {
      const std::vector<double> value =
          evaluate(*base_model_, states,
                   [&](size_t lane, size_t row) { return row + 1 == num_rows_ ? lane : i; });
      const std::span<double> from(transition.data() + i * states, states);
      for (size_t j = 0; j < states; ++j) from[j] = value[j] - emission[j];
      const double total = numeric::log_sum_exp(from);
      for (double& v : from) v -= total;
      out_.initial[i] = base_value_[i] - (rows - 1) * from[i] - rows * emission[i];
    }
    constant_ = numeric::log_sum_exp(out_.initial);
    for (double& v : out_.initial) v -= constant_;
    bool independent = true;
    for (size_t i = 0; i < states; ++i)
      for (size_t j = 0; j < states; ++j) {
        const double p = std::exp(transition[i * states + j]);
        independent = independent && std::fabs(p - std::exp(transition[j])) < 1e-9 &&
                      std::fabs(p - std::exp(out_.initial[j])) < 1e-6;
      }
    if (independent) {
      out_.initial.assign(transition.begin(), transition.begin() + static_cast<ptrdiff_t>(states));
    } else {
      out_.transition = std::move(transition);
    }
  }

  /// States at random, half of them where the data put them.
  std::vector<size_t> states_at_random(const std::vector<size_t>& symbols, bool likely,
                                       numeric::RandomStream& random) const {
    const size_t states = out_.num_states;
    std::vector<size_t> z(num_rows_);
    std::vector<double> w(states);
    for (size_t n = 0; n < num_rows_; ++n) {
      for (size_t k = 0; k < states; ++k) {
        w[k] = n > 0 && !out_.transition.empty() ? out_.transition[z[n - 1] * states + k]
                                                 : out_.initial[k];
        for (size_t c = 0; likely && c < sources_.size(); ++c) {
          const RowTables::Column& column = out_.columns[c];
          w[k] += column.log_p[k * column.size + symbols[n * sources_.size() + c]];
        }
      }
      const double total = numeric::log_sum_exp(w);
      double u = random.uniform();
      size_t k = 0;
      for (; total > -kInf && k + 1 < states; ++k) {
        u -= std::exp(w[k] - total);
        if (u < 0) break;
      }
      z[n] = k;
    }
    return z;
  }

  void check() {
    const size_t columns = sources_.size();
    std::vector<size_t> symbols(num_rows_ * columns);
    for (size_t n = 0; n < num_rows_; ++n)
      for (size_t c = 0; c < columns; ++c)
        symbols[n * columns + c] = static_cast<size_t>(symbol_of(c, integers_[c][n]));
    const auto model = bind(data_with([&](size_t c, size_t n) {
                              return number_of(c, static_cast<int64_t>(symbols[n * columns + c]));
                            }),
                            true);
    numeric::RandomStream random(build_.seed, 0x7ab1e5);
    std::vector<std::vector<size_t>> states;
    for (int i = 0; i < (has_states_ ? kChecks : 1); ++i)
      states.push_back(states_at_random(symbols, i % 2 == 0, random));
    const std::vector<double> value =
        evaluate(*model, states.size(), [&](size_t lane, size_t row) { return states[lane][row]; });
    int finite = 0;
    for (size_t i = 0; i < states.size(); ++i) {
      const double expected = out_.log_density(states[i], symbols) + constant_;
      if (value[i] == -kInf && expected < -kNegligible) continue;
      ++finite;
      if (!(std::fabs(value[i] - expected) <= 1e-6 * std::max(1.0, std::fabs(value[i]))))
        misfit(fmt::format(
            "Rows are not alike, or columns not independent given a row's state: the log density "
            "of data and states is {:.9g}, by tables of p(value | state) and p(state | state "
            "before) {:.9g}. Programs with covariates, parameters of rows or other ties between "
            "values cannot be tabulated.",
            value[i], expected));
    }
    if (finite == 0) misfit("The data have no density at these parameters.");
    out_.log_likelihood = out_.log_marginal(symbols);
  }

  std::shared_ptr<const check::TypedProgram> program_;
  const data::DataTable& data_;
  const data::DataTable& parameters_;
  RowTablesOptions options_;
  BuildOptions build_;
  RowTables out_;

  size_t num_rows_ = 0;
  std::vector<Source> sources_;                 // of each column
  std::vector<std::vector<int64_t>> integers_;  // [column][row]
  bool has_states_ = false;
  std::vector<std::vector<size_t>> by_row_;  // discrete variables of each row
  struct Digit {
    int64_t low, num_states;
  };
  std::vector<Digit> digits_;  // of a row's joint state
  std::vector<double> theta_;
  size_t num_rows_of_point_ = 0;
  size_t base_row_ = 0;                    // of the data
  std::vector<double> base_, base_value_;  // [column]; [state]
  std::unique_ptr<Model> base_model_;
  double constant_ = 0;  // what the density has on top: the prior
};

}  // namespace

double RowTables::log_density(const std::vector<size_t>& states,
                              const std::vector<size_t>& symbols) const {
  double sum = 0;
  for (size_t n = 0; n < states.size(); ++n) {
    const size_t k = states[n];
    sum += n > 0 && !transition.empty() ? transition[states[n - 1] * num_states + k] : initial[k];
    for (size_t c = 0; c < columns.size(); ++c)
      sum += columns[c].log_p[k * columns[c].size + symbols[n * columns.size() + c]];
  }
  return sum;
}

double RowTables::log_marginal(const std::vector<size_t>& symbols) const {
  std::vector<double> alpha, next(num_states), from(num_states);
  double sum = 0;
  for (size_t n = 0; n * columns.size() < symbols.size(); ++n) {
    for (size_t k = 0; k < num_states; ++k) {
      next[k] = initial[k];
      if (n > 0 && !transition.empty()) {
        for (size_t i = 0; i < num_states; ++i) from[i] = alpha[i] + transition[i * num_states + k];
        next[k] = numeric::log_sum_exp(from);
      }
      for (size_t c = 0; c < columns.size(); ++c)
        next[k] += columns[c].log_p[k * columns[c].size + symbols[n * columns.size() + c]];
    }
    const double total = numeric::log_sum_exp(next);
    sum += total;
    for (double& v : next) v -= total;
    alpha = next;
  }
  return sum;
}

RowTables read_row_tables(const std::shared_ptr<const check::TypedProgram>& program,
                          const data::DataTable& data, const data::DataTable& parameters,
                          const RowTablesOptions& options, const BuildOptions& build) {
  return Reader(program, data, parameters, options, build).read();
}

}  // namespace vinci::model
