#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "report/fit_report.h"
#include "report/format.h"
#include "report/progress_bar.h"

namespace vinci::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

draws::ParameterSummary row(std::string name, double mean, double sd, double khat = kNan) {
  draws::ParameterSummary out;
  out.name = std::move(name);
  out.mean = out.q50 = mean;
  out.sd = sd;
  out.q05 = mean - 1.645 * sd;
  out.q95 = mean + 1.645 * sd;
  out.khat = khat;
  out.ess = 1000;
  return out;
}

draws::RunRecord eight_schools() {
  draws::RunRecord record;
  record.program = "models/eight_schools.stan";
  record.num_unconstrained = 10;
  record.num_observations = 8;
  record.num_plates = 1;
  record.compile_seconds = 0.003;
  record.fit_seconds = 0.041;
  record.family = "full-rank normal";
  record.evaluations = 3104;
  record.num_draws = 1000;
  record.elbo = -39.7123;
  record.elbo_se = 0.0213;
  record.log_evidence = -39.5832;
  record.log_evidence_se = 0.0312;
  record.khat = 0.4249;
  record.verdict = "good";
  record.verdict_sentence = "means, sds and tails can be used.";
  record.draws_file = "eight_schools.csv";
  record.record_file = "eight_schools.fit.json";
  record.parameters = {row("mu", 4.4, 3.3, 0.31), row("tau", 3.6, 3.2, 0.42)};
  return record;
}

TEST(Format, Durations) {
  EXPECT_EQ(duration_text(0.0031), "3.1 ms");
  EXPECT_EQ(duration_text(0.041), "41 ms");
  EXPECT_EQ(duration_text(2.4149), "2.41 s");
  EXPECT_EQ(duration_text(24.14), "24.1 s");
  EXPECT_EQ(duration_text(59.99), "1 min 00 s");
  EXPECT_EQ(duration_text(192), "3 min 12 s");
  EXPECT_EQ(duration_text(7500), "2 h 05 min");
  EXPECT_EQ(duration_text(kNan), "?");
  EXPECT_EQ(duration_text(1e300), "years");
}

TEST(Format, Counts) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(3104), "3 104");
  EXPECT_EQ(count_text(-1234567), "-1 234 567");
  EXPECT_EQ(plural(1, "plate"), "1 plate");
}

TEST(Format, NumbersShowTheDigitsThatMatter) {
  EXPECT_EQ(decimals_for(3.2), 1);
  EXPECT_EQ(decimals_for(0.032), 3);
  EXPECT_EQ(decimals_for(320), 0);
  EXPECT_EQ(decimals_for(0.0999), 2);
  EXPECT_EQ(decimals_for(kNan), 2);
  EXPECT_EQ(number_text(-0.001, 1), "0.0");
  EXPECT_EQ(number_text(1.5e-9, 6), "1.50e-09");
  EXPECT_EQ(number_text(1.5e9, 0), "1.50e+09");
  EXPECT_EQ(number_text(-kInf, 1), "-inf");
  EXPECT_EQ(number_text(kNan, 1), "nan");
}

TEST(Format, WrapsBetweenWords) {
  EXPECT_EQ(wrapped("  - ", "aaa bbb ccc", 12), "  - aaa bbb\n    ccc\n");
  EXPECT_EQ(wrapped("", "averyveryverylongword b", 5), "averyveryverylongword\nb\n");
}

TEST(FitReport, ShowsEverything) {
  EXPECT_EQ(fit_report(eight_schools()),
            "compiled eight_schools.stan                        3 ms    10 unconstrained "
            "parameters, 8 terms in 1 plate\n"
            "fitted   full-rank normal                         41 ms    3 104 density evaluations\n"
            "\n"
            "     mean   sd    5%  50%  95%  khat\n"
            "mu    4.4  3.3  -1.0  4.4  9.8  0.31\n"
            "tau   3.6  3.2  -1.7  3.6  8.9  0.42\n"
            "\n"
            "ELBO -39.71 ± 0.02   log evidence -39.58 ± 0.03   k-hat 0.42\n"
            "verdict: good. means, sds and tails can be used.\n"
            "draws: eight_schools.csv (1000)    record: eight_schools.fit.json\n");
}

TEST(FitReport, SaysWhyAVerdictIsBadAndWhatToTry) {
  draws::RunRecord record = eight_schools();
  record.verdict = "bad";
  record.verdict_sentence = "do not use this fit.";
  record.reasons = {"k-hat 1.31 is above 0.7", "3 of 12 lanes were never finite"};
  record.advice = {"--family full-rank", "a non-centred parameterisation"};
  record.interrupted = true;
  EXPECT_EQ(verdict_text(record),
            "interrupted: this is the best that was reached until then.\n"
            "verdict: bad. do not use this fit.\n"
            "  - k-hat 1.31 is above 0.7\n"
            "  - 3 of 12 lanes were never finite\n"
            "  try: --family full-rank\n"
            "       a non-centred parameterisation\n");
  EXPECT_THAT(verdict_text(record, {.colour = true}),
              HasSubstr("\x1b[1;31mverdict: bad.\x1b[0m do not"));
}

TEST(FitReport, LeavesOutWhatIsUnknown) {
  draws::RunRecord record = eight_schools();
  record.log_evidence = kNan;
  record.elbo_se = kNan;
  record.khat = kNan;
  record.draws_file.clear();
  for (auto& p : record.parameters) p.khat = kNan;
  EXPECT_EQ(evidence_line(record), "ELBO -39.71\n");
  EXPECT_EQ(files_line(record), "record: eight_schools.fit.json\n");
  EXPECT_THAT(parameter_table(record), Not(HasSubstr("khat")));
  EXPECT_EQ(evidence_line({}), "");
  EXPECT_EQ(files_line({}), "");
  EXPECT_EQ(parameter_table({}), "");
}

TEST(FitReport, AbbreviatesLongVariables) {
  draws::RunRecord record = eight_schools();
  for (int i = 1; i <= 383; ++i)
    record.parameters.push_back(row("theta[" + std::to_string(i) + "]", 0.01, 0.02, 0.1));
  record.parameters.push_back(row("sigma", 1, 0.001));
  const std::string text = parameter_table(record);
  EXPECT_THAT(text, HasSubstr("theta[3]"));
  EXPECT_THAT(text, Not(HasSubstr("theta[4]")));
  EXPECT_THAT(text, HasSubstr("\n… 380 more (see eight_schools.csv)\nsigma"));
  EXPECT_THAT(parameter_table(record, {.max_elements = 0, .max_rows = 0}), HasSubstr("theta[383]"));
  EXPECT_THAT(parameter_table(record, {.max_elements = 0, .max_rows = 2}), HasSubstr("tau"));
  EXPECT_THAT(parameter_table(record, {.max_elements = 0, .max_rows = 2}),
              HasSubstr("\n… 384 more (see eight_schools.csv)\n"));
}

TEST(FitReport, SurvivesStrangeNumbers) {
  draws::RunRecord record = eight_schools();
  record.parameters = {row("a", kNan, kNan), row("b", kInf, kInf), row("c", 1e300, 1e299),
                       row("d", 3, 0), row("e", 0, 0)};
  const std::string text = parameter_table(record);
  EXPECT_THAT(text, HasSubstr("nan"));
  EXPECT_THAT(text, HasSubstr("1.00e+300"));
  for (const char c : text) EXPECT_NE(c, '\0');
}

TEST(SummaryTable, HasEssAndRhat) {
  std::vector<draws::ParameterSummary> rows = {row("mu", 4.4, 3.3)};
  EXPECT_EQ(summary_table(rows, "a.csv"),
            "    mean   sd    5%  50%  95%   ess\n"
            "mu   4.4  3.3  -1.0  4.4  9.8  1000\n");
  rows[0].rhat = 1.0034;
  EXPECT_THAT(summary_table(rows, "a.csv"), HasSubstr("1000  1.003\n"));
}

TEST(ProgressBar, LineFitsItsWidth) {
  Progress p;
  p.stage = "natural gradient";
  p.fraction = 0.5;
  p.elbo = -1234.56;
  p.elapsed_seconds = 12;
  EXPECT_EQ(progress_line(p, 80),
            "natural gradient  [#############............]   50%   ELBO -1234.6   12.0 s left");
  for (int width = 1; width < 120; ++width) {
    EXPECT_LE(text_width(progress_line(p, width)), static_cast<size_t>(std::max(width, 10)));
  }
  EXPECT_EQ(progress_line({.stage = "reading", .fraction = 0.5}, 60),
            "reading  [###############...............]   50%");
  p.fraction = kNan;
  p.elbo = kNan;
  EXPECT_EQ(progress_line(p, 80), "natural gradient   12.0 s");
  p.remaining_seconds = 75;
  EXPECT_EQ(progress_line(p, 80), "natural gradient   1 min 15 s left");
  p.fraction = 7;
  EXPECT_THAT(progress_line(p, 80), HasSubstr("100%"));
}

TEST(ProgressBar, DrawsErasesAndLogs) {
  std::FILE* stream = std::tmpfile();
  ASSERT_NE(stream, nullptr);
  {
    ProgressBar bar(stream, 60);
    Progress p;
    p.stage = "pathfinder";
    p.fraction = 0.25;
    bar.update(p);
    bar.log("a remark");
    bar.update(p);
  }
  std::rewind(stream);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stream));
  std::fclose(stream);
  const std::string line =
      "\r\x1b[K" + progress_line({.stage = "pathfinder", .fraction = 0.25}, 59);
  EXPECT_EQ(text, line + "\r\x1b[Ka remark\n" + line + "\r\x1b[K");
}

TEST(ProgressBar, IsSilentWhereThereIsNoTerminal) {
  std::FILE* stream = std::tmpfile();
  ASSERT_NE(stream, nullptr);
  {
    ProgressBar bar(stream);
    EXPECT_FALSE(bar.active());
    bar.update({.stage = "pathfinder"});
  }
  EXPECT_EQ(std::ftell(stream), 0);
  std::fclose(stream);
}

draws::ParameterSummary states(std::string name, int64_t first, std::vector<double> p) {
  draws::ParameterSummary out = row(std::move(name), 1, 0.5, 0.2);
  out.first_state = first;
  out.probabilities = std::move(p);
  return out;
}

TEST(Report, DiscreteParametersShowTheProbabilitiesOfTheirStates) {
  draws::RunRecord record = eight_schools();
  record.elimination = {"z: 2 variables of 3 states, enumeration in a plate"};
  record.parameters.push_back(states("z[1]", 1, {0.25, 0.5, 0.25}));
  record.parameters.push_back(states("z[2]", 1, {0, 0.001, 0.999}));
  record.parameters.push_back(states("a", 0, {0.3, 0.7}));
  record.parameters.push_back(states("b", 0, {0.1, 0.9}));
  record.parameters.push_back(states("c", -1, {0.4, 0.6}));
  record.parameters.push_back(states("year", 1851, std::vector<double>(100, 0.01)));
  EXPECT_EQ(state_tables(record),
            "       P(1)   P(2)   P(3)\n"
            "z[1]  0.250  0.500  0.250\n"
            "z[2]      0  0.001  0.999\n"
            "\n"
            "    P(0)   P(1)\n"
            "a  0.300  0.700\n"
            "b  0.100  0.900\n"
            "\n"
            "   P(-1)   P(0)\n"
            "c  0.400  0.600\n");
  // Many states: mean and deviation say more.
  const std::string table = parameter_table(record);
  EXPECT_THAT(table, HasSubstr("year"));
  EXPECT_THAT(table, Not(HasSubstr("z[1]")));
  EXPECT_THAT(fit_report(record),
              HasSubstr("eliminated z: 2 variables of 3 states, enumeration in a plate\n"));
  for (int k = 3; k <= 40; ++k) {
    record.parameters.insert(record.parameters.begin() + k,
                             states("z[" + std::to_string(k) + "]", 1, {0.2, 0.2, 0.6}));
  }
  EXPECT_THAT(state_tables(record), HasSubstr("… 37 more (see eight_schools.fit.json)\n"));
}

TEST(Report, AnExactValueHasNoError) {
  draws::RunRecord record;
  record.log_evidence = -0.435254;
  record.log_evidence_se = 0;
  EXPECT_EQ(evidence_line(record), "log evidence -0.4353\n");
}

}  // namespace
}  // namespace vinci::report
