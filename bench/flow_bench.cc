// What the families beyond a normal are worth: for each target the best full-rank normal, then each
// richer family fitted from it, with the ELBO, k-hat, evaluations and seconds.
//
//     vinci_flow_bench FAMILIES toys [NAME...]
//     vinci_flow_bench FAMILIES PROGRAMS POSTERIORS NAME...
//
// FAMILIES: words of sinh-arcsinh, real-nvp, spline joined by commas.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/session.h"
#include "infer/judgement.h"
#include "infer/ladder.h"
#include "infer/method/fit_sinh_arcsinh.h"
#include "infer/method/flow_vi.h"
#include "infer/method/pathfinder.h"
#include "infer/parallel_log_density.h"
#include "infer/random_streams.h"
#include "infer/testing/targets.h"
#include "source/render.h"

namespace {

using namespace vinci;
using namespace vinci::infer;
using infer::testing::PointDensity;

constexpr uint64_t kSeed = 1;
constexpr Index kJudgeDraws = 20000;

struct Meter {
  Objective& objective;
  int64_t evaluations = objective.evaluations();
  double seconds = objective.elapsed_seconds();
};

void print_row(const std::string& target, Index dim, const char* family, const Family& q,
               const Meter& meter, const std::string& notes) {
  const int64_t evaluations = meter.objective.evaluations() - meter.evaluations;
  const double seconds = meter.objective.elapsed_seconds() - meter.seconds;
  const Judgement j =
      judge_family(meter.objective, q, kJudgeDraws, kJudgeDraws, {kSeed, stream::kJudge});
  fmt::print("{:<44}{:>5}  {:<14}{:>12.3f}{:>8.3f}{:>12.3f}{:>7.2f}{:>9.0f}{:>10}{:>8.2f}  {}\n",
             target, dim, family, j.elbo.value, j.elbo.error, j.psis.log_mean_ratio, j.psis.khat,
             j.psis.ess, evaluations, seconds, notes);
  std::fflush(stdout);
}

void compare(const std::string& name, const LogDensity& density, const std::string& families) {
  numeric::ThreadPool pool(2);
  const ParallelLogDensity parallel(density, pool);
  const Context context;
  Objective objective(parallel, context);
  const Meter start{objective};
  const PathfinderResult paths = pathfinder(objective, {}, {kSeed, stream::kPathfinder});
  if (paths.best < 0) {
    fmt::print("{:<44} no path succeeded\n", name);
    return;
  }
  LadderOptions o;
  o.seed = kSeed;
  o.gap_tolerance = std::max(0.01, 0.001 * static_cast<double>(density.dim()));
  const LadderResult ladder =
      climb_full_rank(objective, paths, o, [](const std::string&, double) {});
  const FullRankNormal& normal = ladder.best.normal;
  print_row(name, density.dim(), "normal", normal, start,
            fmt::format("gap {:.3f}, {} rivals", ladder.best.gap, ladder.rivals.size()));
  if (families.find("sinh-arcsinh") != std::string::npos) {
    const Meter meter{objective};
    const SinhArcsinhResult r =
        fit_sinh_arcsinh(objective, normal, {}, {kSeed, stream::kEscalation});
    print_row(name, density.dim(), "sinh-arcsinh", r.q, meter,
              fmt::format("gap {:.3f} +- {:.3f}, {} iterations", r.gap, r.gap_error, r.iterations));
  }
  for (const FlowKind kind : {FlowKind::kRealNvp, FlowKind::kSpline}) {
    const std::string word(to_string(kind));
    if (families.find(word) == std::string::npos) continue;
    const Meter meter{objective};
    FlowViOptions options;
    options.shape.kind = kind;
    options.pool = &pool;
    const FlowViResult r = flow_vi(objective, normal, options, {kSeed, stream::kEscalation + 1});
    if (!r.q) {
      fmt::print("{:<44}{:>5}  {:<14} no better than the normal: {:.3f} against {:.3f}\n", name,
                 density.dim(), word, r.elbo, r.start_elbo);
      continue;
    }
    print_row(name, density.dim(), word.c_str(), *r.q, meter,
              fmt::format("rate {:g}, {} iterations, {} clipped, {}", r.rate, r.iterations,
                          r.clipped, r.converged ? "converged" : "stopped"));
  }
}

/// -log p = 1/2 (z1 / 2)^2 + 1/2 (z2 - z1^2 / 4)^2 + constants.  [Yin and Zhou 2018, the banana]
PointDensity banana() {
  return {2, [](const std::vector<double>& x, std::vector<double>& g) {
            const double r = x[1] - x[0] * x[0] / 4;
            g[0] = -x[0] / 4 + r * x[0] / 2;
            g[1] = -r;
            return infer::testing::log_normal_density(x[0], 0, 2) +
                   infer::testing::log_normal_density(r, 0, 1);
          }};
}

/// (z1, z2 + z1^2 + 1) ~ N(0, [1 .9; .9 1]).
PointDensity sharp_banana() {
  return {2, [](const std::vector<double>& x, std::vector<double>& g) {
            const double y = x[1] + x[0] * x[0] + 1, determinant = 1 - 0.81;
            const double a = (x[0] - 0.9 * y) / determinant, b = (y - 0.9 * x[0]) / determinant;
            g[0] = -a - 2 * x[0] * b;
            g[1] = -b;
            return -0.5 * (x[0] * a + y * b) - std::log(2 * std::numbers::pi) -
                   0.5 * std::log(determinant);
          }};
}

/// Halves of two bivariate normals.
PointDensity two_normals(double shift, double covariance, double variance) {
  return {2, [=](const std::vector<double>& x, std::vector<double>& g) {
            double part[2], slope[2][2];
            for (int k = 0; k < 2; ++k) {
              const double sign = k == 0 ? 1 : -1, c = sign * covariance;
              const double determinant = variance * variance - c * c;
              const double d0 = x[0] - sign * shift, d1 = x[1];
              slope[k][0] = -(variance * d0 - c * d1) / determinant;
              slope[k][1] = -(variance * d1 - c * d0) / determinant;
              part[k] = 0.5 * (d0 * slope[k][0] + d1 * slope[k][1]) - 0.5 * std::log(determinant) -
                        std::log(4 * std::numbers::pi);
            }
            const double top = std::max(part[0], part[1]);
            const double total = top + std::log(std::exp(part[0] - top) + std::exp(part[1] - top));
            for (int k = 0; k < 2; ++k) {
              const double w = std::exp(part[k] - total);
              g[0] += w * slope[k][0];
              g[1] += w * slope[k][1];
            }
            return total;
          }};
}

/// Two coefficients with prior N(0, 10) and eight observations that all but separate: the posterior
/// is a long wedge.
PointDensity nearly_separable() {
  return {2, [](const std::vector<double>& x, std::vector<double>& g) {
            constexpr double kCovariate[] = {-2, -1.5, -1, -0.2, 0.1, 0.9, 1.4, 2.2};
            constexpr double kAnswer[] = {0, 0, 0, 0, 1, 1, 1, 1};
            double value = infer::testing::log_normal_density(x[0], 0, 10) +
                           infer::testing::log_normal_density(x[1], 0, 10);
            g[0] = -x[0] / 100;
            g[1] = -x[1] / 100;
            for (int i = 0; i < 8; ++i) {
              const double eta = x[0] + x[1] * kCovariate[i];
              const double softplus = std::max(eta, 0.0) + std::log1p(std::exp(-std::abs(eta)));
              value += kAnswer[i] * eta - softplus;
              const double residual = kAnswer[i] - 1 / (1 + std::exp(-eta));
              g[0] += residual;
              g[1] += residual * kCovariate[i];
            }
            return value;
          }};
}

struct Toy {
  std::string name;
  PointDensity density;
};

std::vector<Toy> toys() {
  namespace t = infer::testing;
  return {{"banana", banana()},
          {"sharp-banana", sharp_banana()},
          {"x-shape", two_normals(0, 1.8, 2)},
          {"two-modes", two_normals(2, 0, 1)},
          {"nearly-separable", nearly_separable()},
          {"funnel-10", t::funnel(10)},
          {"eight-schools-centred", t::eight_schools_centered()},
          {"eight-schools-noncentred", t::eight_schools_noncentered()},
          {"logistic-20", t::logistic_regression(20, 100)}};
}

bool wanted(const std::string& name, int argc, char** argv, int first) {
  if (argc <= first) return true;
  for (int i = first; i < argc; ++i) {
    if (name.find(argv[i]) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr,
               "usage: vinci_flow_bench FAMILIES toys [NAME...]\n"
               "       vinci_flow_bench FAMILIES PROGRAMS POSTERIORS NAME...\n");
    return 2;
  }
  fmt::print("{:<44}{:>5}  {:<14}{:>12}{:>8}{:>12}{:>7}{:>9}{:>10}{:>8}\n", "target", "D", "family",
             "elbo", "error", "evidence", "k-hat", "ess", "evals", "s");
  if (std::string(argv[2]) == "toys") {
    for (const Toy& toy : toys()) {
      if (wanted(toy.name, argc, argv, 3)) compare(toy.name, toy.density, argv[1]);
    }
    return 0;
  }
  namespace fs = std::filesystem;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(argv[3])) {
    if (fs::exists(entry.path() / "golden.json") &&
        wanted(entry.path().filename(), argc, argv, 4)) {
      folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  for (const fs::path& folder : folders) {
    const nlohmann::json golden = nlohmann::json::parse(std::ifstream(folder / "golden.json"));
    const std::string program =
        std::string(argv[2]) + "/" + golden["program"].get<std::string>() + ".stan";
    source::SourceMap sources;
    source::DiagnosticSink sink;
    const auto file = sources.add_from_path(program, source::kMaxProgramBytes, sink);
    const auto typed = file.valid() ? api::compile(file, {}, sources, sink) : nullptr;
    data::DataTable table;
    std::unique_ptr<model::Model> model;
    if (typed && api::read_data({(folder / "data.json").string()}, table, sources, sink)) {
      model = model::Model::build(typed, table, {}, sink);
    }
    if (!model) {
      fmt::print("{} does not compile\n{}", program, source::render_text(sink, sources));
      return 1;
    }
    compare(folder.filename(), *model, argv[1]);
  }
  return 0;
}
