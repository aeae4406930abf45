// The text that `vinci fit` and `vinci summary` print. Pure functions of a RunRecord.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "draws/run_record.h"
#include "draws/summary.h"

namespace vinci::report {

struct ReportOptions {
  bool colour = false;
  /// Columns of running text; tables take what they need.
  int width = 100;
  /// A variable with more elements than this shows the first three and how many follow; 0 shows
  /// all.
  int max_elements = 12;
  /// The parameter table's rows; further variables are counted only. 0: all.
  int max_rows = 60;
};

/// `compiled eight_schools.stan        3 ms    10 unconstrained parameters, 8 terms in 1
/// plate`
std::string compiled_line(const draws::RunRecord& record);

/// `fitted   full-rank normal         41 ms    3 104 density evaluations`
std::string fitted_line(const draws::RunRecord& record);

/// `q        r ~ gamma(shape 114.8, rate 115.0)`, a line for each factor that was asked for; empty
/// if none was. Long lists are cut.
std::string factors_text(const draws::RunRecord& record);

/// `eliminated z: 150 variables of 3 states, enumeration in a plate`, a line for each way in which
/// discrete parameters were summed out; empty if there are none.
std::string elimination_lines(const draws::RunRecord& record);

/// The probabilities of the states of discrete parameters with at most 8 of them, a table for each
/// parameter: `z[1]  0.92  0.07  0.01` below `P(1)  P(2)  P(3)`. Those with more states are rows of
/// the parameter table. Long ones are abbreviated like there.
std::string state_tables(const draws::RunRecord& record, const ReportOptions& options = {});

/// The parameters: mean, sd, 5%, 50%, 95%, and khat where it is known. Each row with so many
/// decimals that its sd shows two digits. Long variables are abbreviated: `... 380 more (see
/// FILE)`.
std::string parameter_table(const draws::RunRecord& record, const ReportOptions& options = {});

/// `ELBO -39.71 ± 0.02   log evidence -39.58 ± 0.03   k-hat 0.42`; what is unknown is left out.
std::string evidence_line(const draws::RunRecord& record);

/// What bounds and rates say, each in a line, empty where they say nothing:
/// `bounds: q's means within 0.11 sd, deviations within 0.42 (D2 0.012)`, where D2 is at most 0.1;
/// `precision: estimates need 430 draws (10 000 judged); errors fall as draws^-0.42`, where k-hat
/// is above 0.5.
std::string precision_lines(const draws::RunRecord& record);

/// `verdict: good. means, sds and tails can be used.`, then the reasons and what to try next.
std::string verdict_text(const draws::RunRecord& record, const ReportOptions& options = {});

/// `draws: eight_schools.csv (1000)    record: eight_schools.fit.json`
std::string files_line(const draws::RunRecord& record);

/// All of these, as `vinci fit` prints them.
std::string fit_report(const draws::RunRecord& record, const ReportOptions& options = {});

/// The table of `vinci summary`: mean, sd, 5%, 50%, 95%, ess, and rhat where it is known. `file` is
/// named where rows are left out.
std::string summary_table(std::span<const draws::ParameterSummary> rows, const std::string& file,
                          const ReportOptions& options = {});

}  // namespace vinci::report
