#include "draws/cmdstan_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <system_error>

#include "draws/atomic_file.h"
#include "vinci/error.h"

namespace vinci::draws {

namespace {

// ---- Writing ----

/// `dir/eight_schools.stan` -> `eight_schools_model`, the name that stanc would give.
std::string model_name(const std::string& program) {
  std::string base = program.substr(program.rfind('/') + 1);
  if (const size_t dot = base.rfind('.'); dot != std::string::npos && dot > 0) base.resize(dot);
  for (char& c : base) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word) c = '_';
  }
  return base + "_model";
}

/// A value that cannot end its comment line.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

std::string preamble(const Draws& draws, const RunRecord& record, const CsvOptions& options) {
  std::string out;
  const auto line = [&](std::string_view text) {
    out += fmt::format("# {}\n", one_line(std::string(text)));
  };
  // The version of CmdStan whose layout this is: readers choose their rules by it.
  line("stan_version_major = 2");
  line("stan_version_minor = 36");
  line("stan_version_patch = 0");
  line("vinci_version = " + record.version);
  line("model = " + model_name(record.program));
  line("start_datetime = " + record.started);
  const size_t n = draws.num_draws();
  if (options.layout == CsvLayout::kPathfinder) {
    line("method = pathfinder");
    line("  pathfinder");
    line(fmt::format("    num_draws = {}", n));
    line(fmt::format("    num_psis_draws = {}", n));
    // cmdstanr compares this between files.
    line(fmt::format("    output_samples = {}", n));
  } else {
    line("method = variational");
    line("  variational");
    line("    algorithm = " + std::string(record.family.find("mean-field") != std::string::npos
                                              ? "meanfield"
                                              : "fullrank"));
    line(fmt::format("    output_samples = {}", n));
  }
  line("id = 1");
  line("data");
  line("  file = " + (record.data.empty() ? std::string() : record.data[0]));
  line("random");
  line(fmt::format("  seed = {}", record.seed));
  line("output");
  line("  file = " + record.draws_file);
  line(fmt::format("num_threads = {}", record.threads));
  line("stanc_version = vinci " + record.version);
  line("vinci_method = " + record.method);
  line("vinci_family = " + record.family);
  line("vinci_verdict = " + record.verdict);
  return out;
}

}  // namespace

void write_cmdstan_csv(const std::string& path, const Draws& draws, const RunRecord& record,
                       const CsvOptions& options) {
  const bool variational = options.layout == CsvLayout::kVariational;
  if (variational && options.mean_row.size() != draws.num_columns()) {
    throw Error(Error::Kind::kUsage,
                fmt::format("CsvOptions::mean_row has {} values; the draws have {} columns.",
                            options.mean_row.size(), draws.num_columns()));
  }
  write_file_atomically(path, [&](FileWriter& writer) {
    const int digits = options.significant_digits;
    writer.write(preamble(draws, record, options));
    writer.write(variational ? "lp__,log_p__,log_g__" : "lp_approx__,lp__");
    for (const std::string& name : draws.columns()) {
      writer.write(",");
      writer.write(name);
    }
    writer.write("\n");
    const auto values = [&](std::span<const double> row) {
      for (const double value : row) {
        writer.write(",");
        writer.write_number(value, digits);
      }
      writer.write("\n");
    };
    if (variational) {
      writer.write("0,0,0");
      values(options.mean_row);
    }
    const auto known = [&](const std::vector<double>& x, size_t i) {
      return i < x.size() ? x[i] : std::numeric_limits<double>::quiet_NaN();
    };
    for (size_t i = 0; i < draws.num_draws(); ++i) {
      if (variational) writer.write("0,");
      writer.write_number(known(variational ? draws.log_density : draws.log_approximation, i),
                          digits);
      writer.write(",");
      writer.write_number(known(variational ? draws.log_approximation : draws.log_density, i),
                          digits);
      values(draws.row(i));
    }
    // Single pathfinder files end with this; readers take the time from it.
    if (!variational)
      writer.write(
          fmt::format("# \n# Elapsed Time: {:.6f} seconds (Pathfinder)\n# \n", record.seconds));
  });
}

namespace {

// ---- Reading ----

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  if (text.size() > 1 && text[0] == '+') text.remove_prefix(1);
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (rest != text.data() + text.size() || text.empty()) return std::nullopt;
  // Subnormal results of old versions may underflow; they are zero for every purpose here.
  if (error == std::errc::result_out_of_range) return 0.0;
  return value;
}

class CmdstanParser {
 public:
  CmdstanParser(const std::string& path, std::string_view text) : text_(text) { out_.path = path; }

  CmdstanFile parse() {
    while (next_line()) {
      if (line_.empty()) continue;
      if (line_[0] == '#') {
        read_comment();
      } else if (names_.empty()) {
        read_header();
      } else {
        read_row();
      }
    }
    if (names_.empty()) fail("the file has no header row with the names of the columns");
    finish();
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(std::string_view clause) const {
    throw Error(Error::Kind::kInput, fmt::format("{}:{}: {}.", out_.path, line_number_, clause));
  }

  bool next_line() {
    if (at_ >= text_.size()) return false;
    const size_t end = std::min(text_.find('\n', at_), text_.size());
    is_last_line_ = end == text_.size();
    line_ = trim(text_.substr(at_, end - at_));
    at_ = end + 1;
    ++line_number_;
    return true;
  }

  void read_comment() {
    const std::string_view body = trim(line_.substr(1));
    const size_t equals = body.find('=');
    if (equals == std::string_view::npos) return;
    std::string_view value = trim(body.substr(equals + 1));
    constexpr std::string_view kDefault = "(Default)";
    if (ends_with(value, kDefault)) value = trim(value.substr(0, value.size() - kDefault.size()));
    out_.config[std::string(trim(body.substr(0, equals)))] = value;
  }

  void read_header() {
    const char first = line_[0];
    if (!((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z'))) {
      fail("expected a header row with the names of the columns");
    }
    for (size_t begin = 0; begin <= line_.size();) {
      const size_t end = std::min(line_.find(',', begin), line_.size());
      std::string_view name = trim(line_.substr(begin, end - begin));
      if (name.size() >= 2 && name.front() == '"' && name.back() == '"')
        name = name.substr(1, name.size() - 2);
      names_.emplace_back(name);
      begin = end + 1;
    }
  }

  void read_row() {
    const size_t old_size = values_.size();
    size_t count = 0;
    bool ok = true;
    for (size_t begin = 0; begin <= line_.size() && ok;) {
      const size_t end = std::min(line_.find(',', begin), line_.size());
      const std::optional<double> value = parse_number(line_.substr(begin, end - begin));
      ok = value.has_value() && ++count <= names_.size();
      if (ok) values_.push_back(*value);
      begin = end + 1;
    }
    if (ok && count == names_.size()) {
      ++num_rows_;
      return;
    }
    values_.resize(old_size);
    if (is_last_line_) {
      out_.warnings.push_back(fmt::format("{}:{}: the last row is incomplete and was left out",
                                          out_.path, line_number_));
      return;
    }
    if (!ok && count <= names_.size())
      fail(fmt::format("the value in column {} is not a number", count + 1));
    fail(fmt::format("the row has {} values; the header has {} names",
                     ok ? fmt::format("{}", count) : "more", names_.size()));
  }

  size_t config_count(const char* key) const {
    const auto at = out_.config.find(key);
    if (at == out_.config.end()) return 0;
    size_t value = 0;
    std::from_chars(at->second.data(), at->second.data() + at->second.size(), value);
    return value;
  }

  void finish() {
    const auto has = [&](std::string_view name) {
      return std::find(names_.begin(), names_.end(), name) != names_.end();
    };
    const auto stated = out_.config.find("method");
    out_.method = stated != out_.config.end() ? stated->second
                  : has("lp_approx__")        ? "pathfinder"
                  : has("log_g__")            ? "variational"
                                              : "sample";
    if (const auto model = out_.config.find("model"); model != out_.config.end())
      out_.model = model->second;

    size_t first_row = 0;
    const bool variational = out_.method == "variational";
    if (variational && num_rows_ > 0) first_row = 1;
    if (out_.method == "sample") {
      const std::string& saved = out_.config["save_warmup"];
      if (saved == "1" || saved == "true") {
        const size_t thin = std::max<size_t>(config_count("thin"), 1);
        first_row = std::min((config_count("num_warmup") + thin - 1) / thin, num_rows_);
      }
    }

    std::vector<size_t> kept;
    for (size_t k = 0; k < names_.size(); ++k) {
      if (!ends_with(names_[k], "__")) kept.push_back(k);
    }
    add_variables(kept);
    const size_t n = num_rows_ - first_row;
    out_.draws.resize(n);
    for (size_t i = 0; i < n; ++i) {
      const double* from = values_.data() + (first_row + i) * names_.size();
      std::span<double> to = out_.draws.row(i);
      for (size_t k = 0; k < kept.size(); ++k) to[k] = from[kept[k]];
    }
    if (variational && num_rows_ > 0) {
      for (const size_t k : kept) out_.mean_row.push_back(values_[k]);
    }
    out_.draws.log_density = internal_column(variational ? "log_p__" : "lp__", first_row);
    out_.draws.log_approximation =
        internal_column(variational ? "log_g__" : "lp_approx__", first_row);
  }

  std::vector<double> internal_column(std::string_view name, size_t first_row) const {
    const auto at = std::find(names_.begin(), names_.end(), name);
    std::vector<double> out;
    if (at == names_.end()) return out;
    const auto k = static_cast<size_t>(at - names_.begin());
    for (size_t i = first_row; i < num_rows_; ++i) out.push_back(values_[i * names_.size() + k]);
    return out;
  }

  /// Neighbouring columns with the same name before the first `.` or `:` are one variable.
  void add_variables(const std::vector<size_t>& kept) {
    for (size_t begin = 0; begin < kept.size();) {
      const std::string base =
          names_[kept[begin]].substr(0, names_[kept[begin]].find_first_of(".:"));
      std::vector<std::string> columns;
      std::vector<int64_t> dims;
      size_t end = begin;
      for (; end < kept.size(); ++end) {
        const std::string& name = names_[kept[end]];
        if (name.substr(0, name.find_first_of(".:")) != base) break;
        columns.push_back(name);
        widen(dims, std::string_view(name).substr(base.size()));
      }
      // Only a full rectangle has dims; complex numbers and tuples are lists of columns.
      if (columns != named(base, dims, columns.size()))
        dims = {static_cast<int64_t>(columns.size())};
      out_.draws.add_variable(base, std::move(dims), std::move(columns));
      begin = end;
    }
  }

  /// Raises each size to the index in `.i.j`.
  static void widen(std::vector<int64_t>& dims, std::string_view indices) {
    for (size_t d = 0; !indices.empty() && indices[0] == '.'; ++d) {
      int64_t index = 0;
      const auto [rest, error] =
          std::from_chars(indices.data() + 1, indices.data() + indices.size(), index);
      if (error != std::errc()) return;
      if (d == dims.size()) dims.push_back(0);
      dims[d] = std::max(dims[d], index);
      indices.remove_prefix(static_cast<size_t>(rest - indices.data()));
    }
  }

  /// element_names, or nothing where their number is not `count`: a file's indices must not decide
  /// how much memory is taken.
  static std::vector<std::string> named(const std::string& base, const std::vector<int64_t>& dims,
                                        size_t count) {
    size_t total = 1;
    for (const int64_t size : dims) {
      if (size <= 0 || static_cast<size_t>(size) > count / total) return {};
      total *= static_cast<size_t>(size);
    }
    return total == count ? element_names(base, dims) : std::vector<std::string>();
  }

  std::string_view text_;
  std::string_view line_;
  size_t at_ = 0;
  size_t line_number_ = 0;
  bool is_last_line_ = false;
  std::vector<std::string> names_;
  std::vector<double> values_;
  size_t num_rows_ = 0;
  CmdstanFile out_;
};

}  // namespace

CmdstanFile parse_cmdstan_csv(const std::string& path, std::string_view text) {
  return CmdstanParser(path, text).parse();
}

CmdstanFile read_cmdstan_csv(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  const auto fail = [&](std::string_view reason) {
    return Error(Error::Kind::kIo, fmt::format("The file `{}` cannot be read: {}.", path, reason));
  };
  if (file == nullptr)
    throw fail(errno == ENOENT ? "there is no such file" : std::generic_category().message(errno));
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const size_t got = std::fread(buffer, 1, sizeof(buffer), file.get());
    text.append(buffer, got);
    if (got < sizeof(buffer)) break;
  }
  if (std::ferror(file.get()) != 0) throw fail(std::generic_category().message(errno));
  return parse_cmdstan_csv(path, text);
}

}  // namespace vinci::draws
