#include "draws/draws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "draws/atomic_file.h"
#include "draws/atomic_folder.h"
#include "draws/cmdstan_csv.h"
#include "draws/run_record.h"
#include "draws/summary.h"
#include "vinci/error.h"

namespace vinci::draws {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// An empty directory that is removed at the end of the test.
class Directory {
 public:
  Directory() {
    std::string pattern = ::testing::TempDir() + "vinci_draws_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Directory() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  size_t num_files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
  }

 private:
  std::string path_;
};

std::string content(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

template <class Function>
std::string error_of(Function&& function, Error::Kind kind) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

Draws example() {
  Draws draws;
  draws.add_variable("mu", {});
  draws.add_variable("M", {2, 3});
  draws.resize(3);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t k = 0; k < 7; ++k)
      draws.row(i)[k] = static_cast<double>(i) + 0.1 * static_cast<double>(k);
  }
  draws.row(1)[2] = std::numeric_limits<double>::quiet_NaN();
  draws.row(2)[3] = -std::numeric_limits<double>::infinity();
  draws.row(2)[0] = 1.0 / 3;
  draws.log_density = {-1, -2.5, -3};
  draws.log_approximation = {-1.5, -2, -4};
  return draws;
}

RunRecord example_record() {
  RunRecord record;
  record.version = "0.1.0";
  record.program = "dir/eight schools.stan";
  record.data = {"eight_schools.json"};
  record.seed = 18446744073709551615u;
  record.started = "2026-01-02 03:04:05 UTC";
  record.draws_file = "eight_schools.csv";
  record.elbo = -39.71;
  record.khat = 0.42;
  record.verdict = "good";
  record.reasons = {"k-hat 0.42 is below 0.7", "\xFF"};
  record.stages = {{"pathfinder", "full-rank normal", 3104, 0.041}};
  ParameterSummary p;
  p.name = "theta[3]";
  p.mean = 1.0 / 3;
  p.sd = 2;
  record.parameters = {p};
  return record;
}

TEST(Draws, NamesColumnsFirstIndexFastest) {
  EXPECT_THAT(example().columns(),
              ElementsAre("mu", "M.1.1", "M.2.1", "M.1.2", "M.2.2", "M.1.3", "M.2.3"));
  EXPECT_THAT(element_names("x", std::vector<int64_t>{2, 0}), IsEmpty());
  EXPECT_EQ(example().find("M")->first_column, 1u);
  EXPECT_EQ(example().find("none"), nullptr);
}

TEST(Draws, BracketNames) {
  EXPECT_EQ(bracket_name("mu"), "mu");
  EXPECT_EQ(bracket_name("theta.3"), "theta[3]");
  EXPECT_EQ(bracket_name("M.1.2"), "M[1,2]");
  EXPECT_EQ(bracket_name("z.3.real"), "z[3].real");
  EXPECT_EQ(bracket_name("t:2.1.1"), "t:2[1,1]");
  EXPECT_EQ(bracket_name("a.1:2.3"), "a.1:2[3]");
}

TEST(AtomicFile, WritesReplacesAndLeavesNothingElse) {
  const Directory dir;
  const std::string path = dir.file("a.txt");
  write_file_atomically(path, [](FileWriter& w) { w.write("one"); });
  EXPECT_EQ(content(path), "one");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const std::string large(1 << 20, 'x');
  write_file_atomically(path, [&](FileWriter& w) { w.write(large); });
  EXPECT_EQ(content(path), large);
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0640));
  EXPECT_EQ(dir.num_files(), 1u);
}

TEST(AtomicFile, FollowsLinks) {
  const Directory dir;
  write_file_atomically(dir.file("real"), [](FileWriter& w) { w.write("old"); });
  fs::create_symlink("real", dir.file("link"));
  write_file_atomically(dir.file("link"), [](FileWriter& w) { w.write("new"); });
  EXPECT_EQ(content(dir.file("real")), "new");
  EXPECT_TRUE(fs::is_symlink(dir.file("link")));
}

TEST(AtomicFile, KeepsTheOldFileWhenTheWriterThrows) {
  const Directory dir;
  const std::string path = dir.file("a.txt");
  write_file_atomically(path, [](FileWriter& w) { w.write("old"); });
  EXPECT_THROW(write_file_atomically(path,
                                     [](FileWriter& w) {
                                       w.write("half");
                                       throw std::runtime_error("stop");
                                     }),
               std::runtime_error);
  EXPECT_EQ(content(path), "old");
  EXPECT_EQ(dir.num_files(), 1u);
}

TEST(AtomicFile, ReportsAFullDevice) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const std::string message =
      error_of([] { write_file_atomically("/dev/full", [](FileWriter& w) { w.write("x"); }); },
               Error::Kind::kIo);
  EXPECT_EQ(message, "The file `/dev/full` cannot be written: there is no space left for it.");
}

TEST(AtomicFile, LeavesNoHalfFileWhenSpaceRunsOut) {
  const Directory dir;
  const std::string path = dir.file("a.csv");
  write_file_atomically(path, [](FileWriter& w) { w.write("old"); });
  // A limit on the size of files stands in for a full disk.
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit small{100'000, old_limit.rlim_max};
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    write_file_atomically(path, [](FileWriter& w) {
      for (int i = 0; i < 100'000; ++i) w.write("0123456789\n");
    });
  } catch (const Error& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message, HasSubstr("cannot be written: there is no space left for it."));
  EXPECT_EQ(content(path), "old");
  EXPECT_EQ(dir.num_files(), 1u);
}

TEST(AtomicFile, ReportsPlacesThatCannotBeWritten) {
  const Directory dir;
  const auto write_to = [](const std::string& path) {
    return error_of([&] { write_file_atomically(path, [](FileWriter&) {}); }, Error::Kind::kIo);
  };
  EXPECT_THAT(write_to(dir.file("none/a.csv")), HasSubstr("its directory does not exist"));
  EXPECT_THAT(write_to(dir.file(".")), HasSubstr("directory"));
  EXPECT_THAT(write_to(""), HasSubstr("cannot be written"));
}

TEST(AtomicFolder, AppearsWholeOrNotAtAll) {
  const Directory dir;
  const auto write_two = [](const FolderSink& out) {
    out("a.txt", "one");
    out("deep/er/b.txt", "two");
  };
  write_folder_atomically(dir.file("new/"), write_two);
  EXPECT_EQ(content(dir.file("new/a.txt")), "one");
  EXPECT_EQ(content(dir.file("new/deep/er/b.txt")), "two");
  // Into an empty folder, also by a link to it.
  fs::create_directory(dir.file("empty"));
  fs::create_symlink("empty", dir.file("link"));
  write_folder_atomically(dir.file("link"), write_two);
  EXPECT_EQ(content(dir.file("empty/a.txt")), "one");
  EXPECT_TRUE(fs::is_symlink(dir.file("link")));
  EXPECT_EQ(dir.num_files(), 3u);
  // What fails leaves nothing.
  EXPECT_THROW(write_folder_atomically(dir.file("half"),
                                       [](const FolderSink& out) {
                                         out("a", "half");
                                         throw std::runtime_error("stop");
                                       }),
               std::runtime_error);
  const auto message = [&](const std::string& name, const auto& fill) {
    return error_of([&] { write_folder_atomically(dir.file(name), fill); }, Error::Kind::kIo);
  };
  EXPECT_THAT(message("new", write_two), HasSubstr("it is there already, and not empty"));
  EXPECT_THAT(message("new/a.txt", write_two), HasSubstr("cannot be written: it is a file"));
  EXPECT_THAT(message("none/new", write_two), HasSubstr("its directory does not exist"));
  const auto twice = [](const FolderSink& out) {
    out("a", "1");
    out("a", "2");
  };
  EXPECT_THAT(message("twice", twice), HasSubstr("File exists"));
  EXPECT_EQ(dir.num_files(), 3u);
}

TEST(CmdstanCsv, PathfinderLayoutReadsBackToTheSameBits) {
  const Directory dir;
  const std::string path = dir.file("out.csv");
  const Draws draws = example();
  write_cmdstan_csv(path, draws, example_record());
  const std::string text = content(path);
  EXPECT_THAT(text, HasSubstr("# stan_version_major = 2\n"));
  EXPECT_THAT(text, HasSubstr("# model = eight_schools_model\n"));
  EXPECT_THAT(text, HasSubstr("# method = pathfinder\n"));
  EXPECT_THAT(
      text, HasSubstr("\nlp_approx__,lp__,mu,M.1.1,M.2.1,M.1.2,M.2.2,M.1.3,M.2.3\n-1.5,-1,0,0.1,"));
  EXPECT_THAT(text, HasSubstr("# Elapsed Time: "));

  const CmdstanFile file = read_cmdstan_csv(path);
  EXPECT_EQ(file.method, "pathfinder");
  EXPECT_EQ(file.model, "eight_schools_model");
  EXPECT_EQ(file.config.at("seed"), "18446744073709551615");
  EXPECT_THAT(file.warnings, IsEmpty());
  EXPECT_EQ(file.draws.columns(), draws.columns());
  EXPECT_THAT(file.draws.find("M")->dims, ElementsAre(2, 3));
  EXPECT_EQ(file.draws.log_density, draws.log_density);
  EXPECT_EQ(file.draws.log_approximation, draws.log_approximation);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t k = 0; k < 7; ++k) {
      const double a = draws.row(i)[k];
      const double b = file.draws.row(i)[k];
      EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << i << " " << k;
    }
  }
}

TEST(CmdstanCsv, VariationalLayoutHasAMeanRowThatIsNoDraw) {
  const Directory dir;
  const std::string path = dir.file("out.csv");
  const Draws draws = example();
  CsvOptions options;
  options.layout = CsvLayout::kVariational;
  EXPECT_THAT(error_of([&] { write_cmdstan_csv(path, draws, example_record(), options); },
                       Error::Kind::kUsage),
              HasSubstr("mean_row has 0 values"));
  options.mean_row = {1, 2, 3, 4, 5, 6, 7};
  write_cmdstan_csv(path, draws, example_record(), options);
  EXPECT_THAT(content(path), HasSubstr("\nlp__,log_p__,log_g__,mu,"));
  EXPECT_THAT(content(path), HasSubstr("\n0,0,0,1,2,3,4,5,6,7\n0,-1,-1.5,0,"));
  const CmdstanFile file = read_cmdstan_csv(path);
  EXPECT_EQ(file.method, "variational");
  EXPECT_EQ(file.mean_row, options.mean_row);
  EXPECT_EQ(file.draws.num_draws(), 3u);
  EXPECT_EQ(file.draws.log_density, draws.log_density);
}

TEST(CmdstanCsv, RoundsToSignificantDigits) {
  const Directory dir;
  CsvOptions options;
  options.significant_digits = 3;
  write_cmdstan_csv(dir.file("a.csv"), example(), example_record(), options);
  EXPECT_THAT(content(dir.file("a.csv")), HasSubstr("\n-4,-3,0.333,"));
}

TEST(CmdstanCsv, ReadsSamplesAndDropsWarmup) {
  const CmdstanFile file =
      parse_cmdstan_csv("s.csv",
                        "# stan_version_major = 2\n# method = sample (Default)\n#   sample\n"
                        "#     num_samples = 2\n#     num_warmup = 3\n#     save_warmup = true\n"
                        "#     thin = 2\n# model = m_model\n"
                        "lp__,accept_stat__,divergent__,a,b.1,b.2,c.1.real,c.1.imag\r\n"
                        "-1,0.9,0,1,2,3,4,5\n-2,0.9,0,1,2,3,4,5\n"
                        "# Adaptation terminated\n# Step size = 0.8\n"
                        "-7, 0.9, 0, 1.5, 2, 3, 4, +inf\n-8,0.9,0,2.5,2,3,4,nan\n"
                        "# \n#  Elapsed Time: 0.1 seconds (Warm-up)\n");
  EXPECT_EQ(file.method, "sample");
  EXPECT_THAT(file.draws.columns(), ElementsAre("a", "b.1", "b.2", "c.1.real", "c.1.imag"));
  EXPECT_THAT(file.draws.log_density, ElementsAre(-7, -8));
  EXPECT_THAT(file.draws.column(0), ElementsAre(1.5, 2.5));
  EXPECT_THAT(file.draws.variables(), SizeIs(3));
  EXPECT_TRUE(std::isinf(file.draws.row(0)[4]));
}

TEST(CmdstanCsv, WarnsOfAnIncompleteLastRow) {
  const CmdstanFile file = parse_cmdstan_csv("s.csv", "lp__,a,b\n1,2,3\n4,5");
  EXPECT_EQ(file.draws.num_draws(), 1u);
  EXPECT_THAT(file.warnings, ElementsAre(HasSubstr("s.csv:3: the last row is incomplete")));
}

TEST(CmdstanCsv, ReportsWhatIsNoSuchFile) {
  const auto parse = [](const std::string& text) {
    return error_of([&] { parse_cmdstan_csv("s.csv", text); }, Error::Kind::kInput);
  };
  EXPECT_EQ(parse(""), "s.csv:0: the file has no header row with the names of the columns.");
  EXPECT_THAT(parse("# a = b\n1,2,3\n"), HasSubstr("s.csv:2: expected a header row"));
  EXPECT_THAT(parse("a,b\n1,x\n1,2\n"),
              HasSubstr("s.csv:2: the value in column 2 is not a number"));
  EXPECT_THAT(parse("a,b\n1\n1,2\n"),
              HasSubstr("s.csv:2: the row has 1 values; the header has 2 names"));
  EXPECT_THAT(parse("a,b\n1,2,3\n1,2\n"), HasSubstr("the row has more values"));
  EXPECT_THAT(error_of([] { read_cmdstan_csv("/nonexistent.csv"); }, Error::Kind::kIo),
              HasSubstr("there is no such file"));
}

TEST(CmdstanCsv, IndicesDoNotDecideHowMuchMemoryIsTaken) {
  const CmdstanFile file =
      parse_cmdstan_csv("s.csv", "a.99999999999.99999999999,a.99999999999999999999999\n1,2\n");
  EXPECT_THAT(file.draws.variables()[0].dims, ElementsAre(2));
}

TEST(RunRecord, IsJsonThatReadsBack) {
  const auto json = nlohmann::json::parse(to_json(example_record()));
  EXPECT_EQ(json["parameters"]["theta[3]"]["mean"].get<double>(), 1.0 / 3);
  EXPECT_TRUE(json["parameters"]["theta[3]"]["khat"].is_null());
  EXPECT_EQ(json["elbo"].get<double>(), -39.71);
  EXPECT_TRUE(json["log_evidence"].is_null());
  EXPECT_EQ(json["verdict"], "good");
  EXPECT_EQ(json["seed"].get<uint64_t>(), 18446744073709551615u);
  EXPECT_EQ(json["stages"][0]["evaluations"], 3104);
  EXPECT_EQ(json["reasons"][1], "\xEF\xBF\xBD");
  EXPECT_TRUE(json.contains("evaluations") && json.contains("seconds"));
  EXPECT_FALSE(json.contains("elimination"));
  EXPECT_FALSE(json["parameters"]["theta[3]"].contains("probabilities"));
}

TEST(RunRecord, HoldsTheProbabilitiesOfStates) {
  RunRecord record = example_record();
  record.elimination = {"z: 3 states, enumeration"};
  record.parameters[0].first_state = -1;
  record.parameters[0].probabilities = {0.25, 0.75};
  const auto json = nlohmann::json::parse(to_json(record));
  EXPECT_EQ(json["elimination"][0], "z: 3 states, enumeration");
  const auto& row = json["parameters"][record.parameters[0].name];
  EXPECT_EQ(row["first_state"], -1);
  EXPECT_EQ(row["probabilities"].get<std::vector<double>>(), (std::vector<double>{0.25, 0.75}));
}

TEST(Summary, QuantilesAreOfType7) {
  // R: quantile(c(1, 2, 4, 8, 16), c(0.05, 0.5, 0.9, 0.95, 1))
  const std::vector<double> x = {1, 2, 4, 8, 16};
  EXPECT_DOUBLE_EQ(quantile_sorted(x, 0.05), 1.2);
  EXPECT_DOUBLE_EQ(quantile_sorted(x, 0.5), 4);
  EXPECT_DOUBLE_EQ(quantile_sorted(x, 0.9), 12.8);
  EXPECT_DOUBLE_EQ(quantile_sorted(x, 0.95), 14.4);
  EXPECT_DOUBLE_EQ(quantile_sorted(x, 1), 16);
  const std::vector<double> equal(5, 0.2);
  for (const double p : {0.0, 0.05, 0.3, 0.5, 0.77, 0.95, 1.0}) {
    EXPECT_NEAR(quantile_sorted(x, equal, p), quantile_sorted(x, p), 1e-12) << p;
  }
  EXPECT_TRUE(std::isnan(quantile_sorted({}, 0.5)));
}

TEST(Summary, MomentsOfEqualAndOtherWeights) {
  Draws draws;
  draws.add_variable("x", {});
  draws.resize(4);
  for (size_t i = 0; i < 4; ++i) draws.row(i)[0] = static_cast<double>(i * i);  // 0 1 4 9
  ParameterSummary s = summarise(draws)[0];
  EXPECT_DOUBLE_EQ(s.mean, 3.5);
  EXPECT_DOUBLE_EQ(s.sd, std::sqrt(49.0 / 3));
  EXPECT_DOUBLE_EQ(s.ess, 4);
  draws.log_weights = {-1e300, 1000, 1000, 1000};  // the first counts for nothing
  s = summarise(draws)[0];
  EXPECT_NEAR(s.mean, 14.0 / 3, 1e-12);
  const std::vector<double> centred = {1 - 14.0 / 3, 4 - 14.0 / 3, 9 - 14.0 / 3};
  EXPECT_NEAR(
      s.sd,
      std::sqrt((centred[0] * centred[0] + centred[1] * centred[1] + centred[2] * centred[2]) / 2),
      1e-12);
  EXPECT_NEAR(s.ess, 3, 1e-12);
  EXPECT_NEAR(s.q50, 4, 1e-12);
  draws.log_weights = {7, 7, 7, 7};
  EXPECT_NEAR(summarise(draws)[0].sd, std::sqrt(49.0 / 3), 1e-12);
}

TEST(Summary, StandardNormalQuantile) {
  EXPECT_NEAR(standard_normal_quantile(0.975), 1.959963984540054, 1e-14);
  EXPECT_NEAR(standard_normal_quantile(1e-10), -6.361340902404056, 1e-13);
  EXPECT_EQ(standard_normal_quantile(0.5), 0);
  for (double p = 1e-300; p < 0.5; p *= 3.7) {
    EXPECT_NEAR(0.5 * std::erfc(-standard_normal_quantile(p) / std::numbers::sqrt2) / p, 1, 1e-11)
        << p;
  }
}

std::vector<std::vector<double>> autoregressions(double rho, size_t chains, size_t n,
                                                 double shift = 0) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> out(chains);
  for (size_t c = 0; c < chains; ++c) {
    double x = normal(random);
    for (size_t i = 0; i < n; ++i) {
      x = rho * x + std::sqrt(1 - rho * rho) * normal(random);
      out[c].push_back(x + shift * static_cast<double>(c));
    }
  }
  return out;
}

TEST(Summary, EffectiveSizeOfAutoregressions) {
  // An AR(1) process has ess = n (1 - rho) / (1 + rho).
  for (const double rho : {-0.3, 0.0, 0.5, 0.9}) {
    const double expected = 8000 * (1 - rho) / (1 + rho);
    EXPECT_NEAR(ess_bulk(autoregressions(rho, 4, 2000)) / expected, 1, 0.15) << rho;
  }
}

TEST(Summary, RhatSeesChainsThatDiffer) {
  EXPECT_NEAR(rhat(autoregressions(0.2, 4, 1000)), 1, 0.01);
  EXPECT_GT(rhat(autoregressions(0.2, 4, 1000, 1.0)), 1.2);
  auto scales = autoregressions(0.2, 2, 1000);
  for (double& x : scales[1]) x *= 5;
  EXPECT_GT(rhat(scales), 1.2);  // equal means: only the folded draws show it
  EXPECT_TRUE(std::isnan(rhat(std::vector<std::vector<double>>{{1, 1, 1, 1, 1}})));
  EXPECT_TRUE(std::isnan(ess_bulk(std::vector<std::vector<double>>{{1, 2, 3}})));
}

TEST(Summary, ChainsOfDifferentModelsAreAnError) {
  Draws a;
  a.add_variable("x", {});
  Draws b;
  b.add_variable("y", {});
  const Draws* chains[] = {&a, &b};
  EXPECT_THAT(error_of([&] { summarise_chains(chains); }, Error::Kind::kInput),
              HasSubstr("different columns"));
}

}  // namespace
}  // namespace vinci::draws
