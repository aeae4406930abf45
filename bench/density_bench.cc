// Speed of the density engine: nanoseconds per gradient of one lane, for every posterior of a
// folder, beside what Stan takes on one thread. The values are checked against the golden ones
// first: a wrong fast result fails.
//
//     vinci_density_bench PROGRAMS POSTERIORS [NAME...]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "api/session.h"
#include "source/render.h"

namespace {

using vinci::Index;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double number(const nlohmann::json& j) {
  return j.is_number() ? j.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

/// Median over repetitions of the time per lane of one evaluation of `lanes` lanes on each of
/// `threads` threads.
double nanoseconds_per_lane(const vinci::model::Model& model, const std::vector<double>& theta,
                            Index lanes, int threads) {
  const Index dim = model.dim();
  const auto run = [&](int repetitions, double* elapsed) {
    std::vector<double> points(static_cast<size_t>(dim * lanes));
    for (Index d = 0; d < dim; ++d) {
      for (Index l = 0; l < lanes; ++l) {
        // Lanes near the point, as a method's are.
        points[static_cast<size_t>(d * lanes + l)] =
            theta[static_cast<size_t>(d)] + 0.01 * std::sin(static_cast<double>(7 * d + 3 * l));
      }
    }
    std::vector<double> value(static_cast<size_t>(lanes));
    std::vector<double> gradient(points.size() + 1);
    const auto start = Clock::now();
    for (int r = 0; r < repetitions; ++r) {
      model.evaluate({points.data(), dim, lanes, lanes}, value,
                     {gradient.data(), dim, lanes, lanes});
    }
    *elapsed = seconds_since(start);
  };
  double once = 0;
  run(1, &once);
  run(1, &once);
  const int repetitions = std::clamp(static_cast<int>(0.02 / std::max(once, 1e-9)), 1, 100000);
  std::vector<double> times;
  for (int sample = 0; sample < 5; ++sample) {
    std::vector<double> elapsed(static_cast<size_t>(threads));
    const auto start = Clock::now();
    {
      std::vector<std::jthread> workers;
      for (int t = 1; t < threads; ++t)
        workers.emplace_back(run, repetitions, &elapsed[static_cast<size_t>(t)]);
      run(repetitions, &elapsed[0]);
    }
    const double total = threads == 1 ? elapsed[0] : seconds_since(start);
    times.push_back(total / repetitions / static_cast<double>(lanes) / threads * 1e9);
  }
  std::nth_element(times.begin(), times.begin() + 2, times.end());
  return times[2];
}

struct Row {
  std::string name;
  double ratio;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: vinci_density_bench PROGRAMS POSTERIORS [NAME...]\n");
    return 2;
  }
  namespace fs = std::filesystem;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(argv[2])) {
    const std::string name = entry.path().filename();
    const bool wanted = argc == 3 || std::any_of(argv + 3, argv + argc, [&](const char* a) {
                          return name.find(a) != std::string::npos;
                        });
    if (wanted && fs::exists(entry.path() / "golden.json")) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  fmt::print("{:<58}{:>7}{:>10}{:>11}{:>11}{:>11}{:>11}{:>11}{:>8}\n", "posterior", "D", "build ms",
             "stan ns", "64 lanes", "8 lanes", "1 lane", "64, 2 thr", "ratio");
  std::vector<Row> rows;
  int wrong = 0;
  for (const fs::path& folder : folders) {
    const std::string name = folder.filename();
    const nlohmann::json golden = nlohmann::json::parse(std::ifstream(folder / "golden.json"));
    const std::string program =
        std::string(argv[1]) + "/" + golden["program"].get<std::string>() + ".stan";
    vinci::source::SourceMap sources;
    vinci::source::DiagnosticSink sink;
    const auto start = Clock::now();
    const auto file = sources.add_from_path(program, vinci::source::kMaxProgramBytes, sink);
    const auto typed = file.valid() ? vinci::api::compile(file, {}, sources, sink) : nullptr;
    vinci::data::DataTable table;
    std::unique_ptr<vinci::model::Model> model;
    if (typed && vinci::api::read_data({(folder / "data.json").string()}, table, sources, sink)) {
      model = vinci::model::Model::build(typed, table, {}, sink);
    }
    if (!model) {
      fmt::print("{:<58} does not compile\n{}", name, vinci::source::render_text(sink, sources));
      ++wrong;
      continue;
    }
    const double build_ms = 1e3 * seconds_since(start);
    // Correctness, and the last finite point: those of the posterior's mass come last.
    std::vector<double> theta(static_cast<size_t>(model->dim()), 0.0);
    double worst = 0;
    // Solutions of differential equations are golden to their own tolerance only, at points of the
    // posterior.
    const bool is_ode =
        name.find("lotka") != std::string::npos || name.find("soil") != std::string::npos;
    for (const auto& point : golden["points"]) {
      if (is_ode && point["source"] == "random") continue;
      const double expected = number(point["lp"]);
      std::vector<double> at;
      for (const auto& x : point["theta_unc"]) at.push_back(number(x));
      std::vector<double> value(1);
      std::vector<double> gradient(at.size() + 1);
      model->evaluate({at.data(), model->dim(), 1, 1}, value,
                      {gradient.data(), model->dim(), 1, 1});
      if (!std::isfinite(expected)) continue;
      worst = std::max(worst, std::abs(value[0] - expected) / std::max(1.0, std::abs(expected)));
      theta = at;
    }
    if (!(worst < (is_ode ? 0.02 : 1e-8))) {
      fmt::print("{:<58} wrong by {:.1e}\n", name, worst);
      ++wrong;
      continue;
    }
    const double stan = golden["stan_grad_ns"].get<double>();
    const double wide = nanoseconds_per_lane(*model, theta, 64, 1);
    rows.push_back({name, stan / wide});
    fmt::print("{:<58}{:>7}{:>10.2f}{:>11.1f}{:>11.1f}{:>11.1f}{:>11.1f}{:>11.1f}{:>8.1f}\n", name,
               model->dim(), build_ms, stan, wide, nanoseconds_per_lane(*model, theta, 8, 1),
               nanoseconds_per_lane(*model, theta, 1, 1),
               nanoseconds_per_lane(*model, theta, 64, 2), stan / wide);
    std::fflush(stdout);
  }
  double log_sum = 0;
  Row least{"", std::numeric_limits<double>::infinity()};
  for (const Row& row : rows) {
    log_sum += std::log(row.ratio);
    if (row.ratio < least.ratio) least = row;
  }
  if (!rows.empty()) {
    fmt::print(
        "\n{} posteriors, {} wrong or missing; Stan / vinci at 64 lanes, 1 thread: geometric mean "
        "{:.1f}, least {:.1f} ({})\n",
        rows.size(), wrong, std::exp(log_sum / static_cast<double>(rows.size())), least.ratio,
        least.name);
  }
  return wrong == 0 ? 0 : 1;
}
