#include "report/fit_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "report/format.h"

namespace vinci::report {

namespace {

using draws::ParameterSummary;
using draws::RunRecord;

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// Label, name, time and remark in the columns that `compiled` and `fitted` share.
std::string stage_line(std::string_view label, std::string_view name, double seconds,
                       std::string_view remark) {
  const size_t width = text_width(name);
  const std::string fill(width < 36 ? 36 - width : 1, ' ');
  return fmt::format("{:<9}{}{}{:>10}    {}\n", label, name, fill, duration_text(seconds), remark);
}

enum class LastColumns { kKhat, kEssRhat };

std::vector<std::string> heading(LastColumns last, bool with_extra) {
  std::vector<std::string> out = {"", "mean", "sd", "5%", "50%", "95%"};
  if (last == LastColumns::kEssRhat) out.push_back("ess");
  if (with_extra) out.push_back(last == LastColumns::kKhat ? "khat" : "rhat");
  return out;
}

std::vector<std::string> cells(const ParameterSummary& p, LastColumns last, bool with_extra) {
  // A constant quantity (sd 0) shows its value to four digits.
  const int decimals = p.sd > 0 ? decimals_for(p.sd) : std::min(decimals_for(p.mean) + 2, 6);
  std::vector<std::string> out = {p.name};
  for (const double value : {p.mean, p.sd, p.q05, p.q50, p.q95})
    out.push_back(number_text(value, decimals));
  if (last == LastColumns::kEssRhat)
    out.push_back(std::isfinite(p.ess) ? number_text(p.ess, 0) : "-");
  if (with_extra) {
    const double extra = last == LastColumns::kKhat ? p.khat : p.rhat;
    if (last == LastColumns::kKhat && (p.is_point || p.is_of_one_mode)) {
      out.push_back(p.is_point ? "point" : "mode");
      return out;
    }
    out.push_back(std::isnan(extra) ? "-" : number_text(extra, last == LastColumns::kKhat ? 2 : 3));
  }
  return out;
}

std::string_view variable_of(std::string_view name) {
  return name.substr(0, name.find_first_of("[:."));
}

/// Whether a row shows the probabilities of its states instead of mean and sd.
bool shows_states(const ParameterSummary& p) {
  constexpr size_t kMaxStates = 8;
  return !p.probabilities.empty() && p.probabilities.size() <= kMaxStates;
}

/// P(1)  P(2)  P(3) of the elements of one discrete parameter.
std::string state_table(std::span<const ParameterSummary> elements, const std::string& see,
                        size_t max_elements) {
  constexpr size_t kShownOfLong = 3;
  int64_t low = elements[0].first_state, high = low;
  for (const ParameterSummary& p : elements) {
    low = std::min(low, p.first_state);
    high = std::max(high, p.first_state + static_cast<int64_t>(p.probabilities.size()) - 1);
  }
  std::vector<std::vector<std::string>> rows(1);
  rows[0].emplace_back();
  for (int64_t k = low; k <= high; ++k) rows[0].push_back(fmt::format("P({})", k));
  const bool is_long =
      max_elements > 0 && elements.size() > std::max(max_elements, kShownOfLong + 1);
  for (const ParameterSummary& p : elements.first(is_long ? kShownOfLong : elements.size())) {
    rows.push_back({p.name});
    for (int64_t k = low; k <= high; ++k) {
      const int64_t at = k - p.first_state;
      const bool has = at >= 0 && at < static_cast<int64_t>(p.probabilities.size());
      rows.back().push_back(has ? number_text(p.probabilities[static_cast<size_t>(at)], 3) : "");
    }
  }
  if (is_long) {
    rows.push_back({fmt::format(
        "… {} more{}", count_text(static_cast<int64_t>(elements.size() - kShownOfLong)), see)});
  }
  return aligned_table(rows);
}

std::string table(std::span<const ParameterSummary> all, const std::string& file, LastColumns last,
                  const ReportOptions& options) {
  std::vector<ParameterSummary> parameters;
  std::copy_if(all.begin(), all.end(), std::back_inserter(parameters),
               [](const ParameterSummary& p) { return !shows_states(p); });
  if (parameters.empty()) return {};
  const bool with_extra =
      std::any_of(parameters.begin(), parameters.end(), [&](const ParameterSummary& p) {
        return p.is_point || p.is_of_one_mode ||
               !std::isnan(last == LastColumns::kKhat ? p.khat : p.rhat);
      });
  const std::string see = file.empty() ? std::string() : fmt::format(" (see {})", file);
  std::vector<std::vector<std::string>> rows = {heading(last, with_extra)};
  const auto max_rows = static_cast<size_t>(std::max(options.max_rows, 0));
  const auto max_elements = static_cast<size_t>(std::max(options.max_elements, 0));
  constexpr size_t kShownOfLong = 3;
  for (size_t begin = 0; begin < parameters.size();) {
    const std::string_view variable = variable_of(parameters[begin].name);
    size_t end = begin;
    while (end < parameters.size() && variable_of(parameters[end].name) == variable) ++end;
    const size_t count = end - begin;
    const bool is_long = max_elements > 0 && count > std::max(max_elements, kShownOfLong + 1);
    const size_t shown = is_long ? kShownOfLong : count;
    if (max_rows > 0 && rows.size() + shown > max_rows + 1) {
      rows.push_back({fmt::format(
          "… {} more{}", count_text(static_cast<int64_t>(parameters.size() - begin)), see)});
      break;
    }
    for (size_t k = 0; k < shown; ++k)
      rows.push_back(cells(parameters[begin + k], last, with_extra));
    if (is_long) {
      rows.push_back(
          {fmt::format("… {} more{}", count_text(static_cast<int64_t>(count - shown)), see)});
    }
    begin = end;
  }
  return aligned_table(rows);
}

/// `-39.71 ± 0.02`: as many decimals as the error has zeros, one more digit shown of it.
std::string value_and_error(double value, double error) {
  if (!std::isfinite(error) || error < 0) return number_text(value, 2);
  if (error == 0) return number_text(value, 4);  // exact
  const int decimals = std::clamp(decimals_for(error) - 1, 1, 4);
  return fmt::format("{} ± {}", number_text(value, decimals),
                     fmt::format("{:.{}f}", error, decimals));
}

std::string paint(const ReportOptions& options, std::string_view code, std::string_view text) {
  return options.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace

std::string compiled_line(const RunRecord& record) {
  std::string remark = plural(record.num_unconstrained, "unconstrained parameter");
  if (record.num_observations > 0) {
    remark += ", " + plural(record.num_observations, "term");
    if (record.num_plates > 0) remark += " in " + plural(record.num_plates, "plate");
  }
  return stage_line("compiled", file_name(record.program), record.compile_seconds, remark);
}

std::string fitted_line(const RunRecord& record) {
  return stage_line("fitted", record.family, record.fit_seconds,
                    plural(record.evaluations, "density evaluation"));
}

std::string factors_text(const RunRecord& record) {
  constexpr size_t kMaxFactors = 8, kMaxParams = 6;
  std::string out;
  for (size_t k = 0; k < std::min(record.factors.size(), kMaxFactors); ++k) {
    const draws::Factor& f = record.factors[k];
    std::string params;
    for (size_t p = 0; p < std::min(f.params.size(), kMaxParams); ++p) {
      params += fmt::format("{}{} {:.5g}", params.empty() ? "" : ", ", f.params[p].first,
                            f.params[p].second);
    }
    if (f.params.size() > kMaxParams) params += ", …";
    out += fmt::format("{:<9}{} ~ {}({})\n", k == 0 ? "q" : "", f.parameter, f.family, params);
  }
  if (record.factors.size() > kMaxFactors) {
    out += fmt::format("{:<9}… {} more (see {})\n", "", record.factors.size() - kMaxFactors,
                       record.record_file);
  }
  return out;
}

std::string elimination_lines(const RunRecord& record) {
  std::string out;
  for (const std::string& line : record.elimination) out += "eliminated " + line + "\n";
  return out;
}

std::string state_tables(const RunRecord& record, const ReportOptions& options) {
  const std::span<const ParameterSummary> all = record.parameters;
  const auto max_elements = static_cast<size_t>(std::max(options.max_elements, 0));
  const std::string& file = record.record_file;
  const std::string see = file.empty() ? std::string() : fmt::format(" (see {})", file);
  std::string out;
  for (size_t begin = 0; begin < all.size();) {
    const std::string_view variable = variable_of(all[begin].name);
    size_t end = begin + 1;
    // Neighbours that are single variables of the same states share a table.
    const bool is_single = all[begin].name == variable;
    const auto belongs = [&](size_t k) {
      if (shows_states(all[k]) != shows_states(all[begin])) return false;
      const std::string_view other = variable_of(all[k].name);
      return other == variable ||
             (is_single && all[k].name == other && all[k].first_state == all[begin].first_state &&
              all[k].probabilities.size() == all[begin].probabilities.size());
    };
    while (end < all.size() && belongs(end)) ++end;
    if (shows_states(all[begin])) {
      if (!out.empty()) out += '\n';
      out += state_table(all.subspan(begin, end - begin), see, max_elements);
    }
    begin = end;
  }
  return out;
}

std::string parameter_table(const RunRecord& record, const ReportOptions& options) {
  const std::string& file = record.draws_file.empty() ? record.record_file : record.draws_file;
  return table(record.parameters, file, LastColumns::kKhat, options);
}

std::string evidence_line(const RunRecord& record) {
  std::string out;
  const auto add = [&](std::string_view name, const std::string& value) {
    out += fmt::format("{}{} {}", out.empty() ? "" : "   ", name, value);
  };
  if (!std::isnan(record.elbo)) add("ELBO", value_and_error(record.elbo, record.elbo_se));
  if (!std::isnan(record.log_evidence)) {
    add("log evidence", value_and_error(record.log_evidence, record.log_evidence_se));
  }
  if (!std::isnan(record.khat)) add("k-hat", number_text(record.khat, 2));
  return out.empty() ? out : out + "\n";
}

std::string precision_lines(const RunRecord& record) {
  std::string out;
  const draws::ErrorBounds& b = record.bounds;
  if (b.use == "tight" && !b.optimistic) {
    out +=
        fmt::format("bounds: q's means within {} sd, its deviations within {} sd (D2 {})\n",
                    number_text(b.mean_error, 2), number_text(b.sd_error, 2), number_text(b.d2, 3));
  }
  if (record.khat > 0.5 && std::isfinite(record.minimal_draws)) {
    out += fmt::format(
        "precision: at this k-hat estimates need {} draws ({} judged), and their "
        "errors fall as draws^-{}\n",
        count_text(static_cast<int64_t>(std::min(record.minimal_draws, 1e15))),
        count_text(record.judged_draws), number_text(0.5 * record.convergence_rate, 2));
  }
  return out;
}

std::string verdict_text(const RunRecord& record, const ReportOptions& options) {
  const auto width = static_cast<size_t>(std::max(options.width, 40));
  std::string out;
  if (record.interrupted)
    out += wrapped("", "interrupted: this is the best that was reached until then.", width);
  if (record.verdict.empty()) return out;
  const std::string_view code = record.verdict == "good"     ? "1;32"
                                : record.verdict == "usable" ? "1;33"
                                                             : "1;31";
  const std::string plain = fmt::format("verdict: {}.", record.verdict);
  std::string sentence = wrapped("", fmt::format("{} {}", plain, record.verdict_sentence), width);
  // The verdict's own words are never wrapped: they come first.
  out += paint(options, code, plain) + sentence.substr(plain.size());
  for (const std::string& reason : record.reasons) out += wrapped("  - ", reason, width);
  for (size_t k = 0; k < record.advice.size(); ++k)
    out += wrapped(k == 0 ? "  try: " : "       ", record.advice[k], width);
  return out;
}

std::string files_line(const RunRecord& record) {
  std::string out;
  if (!record.draws_file.empty())
    out += fmt::format("draws: {} ({})", record.draws_file, record.num_draws);
  if (!record.record_file.empty())
    out += fmt::format("{}record: {}", out.empty() ? "" : "    ", record.record_file);
  return out.empty() ? out : out + "\n";
}

std::string fit_report(const RunRecord& record, const ReportOptions& options) {
  std::string out = compiled_line(record) + elimination_lines(record) + fitted_line(record) +
                    factors_text(record);
  for (const std::string& part :
       {parameter_table(record, options), state_tables(record, options)}) {
    if (!part.empty()) out += '\n';
    out += part;
  }
  out += '\n';
  return out + evidence_line(record) + precision_lines(record) + verdict_text(record, options) +
         files_line(record);
}

std::string summary_table(std::span<const ParameterSummary> rows, const std::string& file,
                          const ReportOptions& options) {
  return table(rows, file, LastColumns::kEssRhat, options);
}

}  // namespace vinci::report
