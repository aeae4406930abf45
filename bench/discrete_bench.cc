// Exact elimination: what it takes to sum discrete parameters out of a program, and how fast the
// density is that comes out, beside the program in which they are summed out by hand. The two have
// to agree to 1e-10 first: a wrong fast result fails.
//
//     vinci_discrete_bench DISCRETE_PROGRAMS PROGRAMS POSTERIORS
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "api/session.h"
#include "numeric/random/random_stream.h"
#include "source/render.h"

namespace {

namespace fs = std::filesystem;
using vinci::Index;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Built {
  std::unique_ptr<vinci::model::Model> model;
  double seconds = 0;  // trace, elimination, passes and plan
};

Built build(const std::string& program, const fs::path& data) {
  vinci::source::SourceMap sources;
  vinci::source::DiagnosticSink sink;
  Built out;
  const auto typed = vinci::api::compile(sources.add("m.stan", program), {}, sources, sink);
  vinci::data::DataTable table;
  if (!typed || !vinci::api::read_data({data.string()}, table, sources, sink)) return out;
  const auto start = Clock::now();
  out.model = vinci::model::Model::build(typed, table, {}, sink);
  out.seconds = seconds_since(start);
  if (!out.model) fmt::print("{}", vinci::source::render_text(sink, sources));
  return out;
}

/// Both programs alternate, so that a busy machine slows both; the shortest times count. False
/// where the densities differ.
bool compare(const std::string& name, const std::string& discrete, const std::string& by_hand,
             const fs::path& data) {
  constexpr Index kLanes = 64;
  constexpr int kBuilds = 5, kEvaluations = 40;
  const std::string* programs[] = {&discrete, &by_hand};
  Built built[2];
  double build_seconds[2] = {1e9, 1e9};
  for (int r = 0; r < kBuilds; ++r) {
    for (int k = 0; k < 2; ++k) {
      built[k] = build(*programs[k], data);
      if (!built[k].model) return false;
      build_seconds[k] = std::min(build_seconds[k], built[k].seconds);
    }
  }
  const Index dim = built[0].model->dim();
  std::vector<double> points(static_cast<size_t>(dim * kLanes));
  for (size_t i = 0; i < points.size(); ++i)
    points[i] = 0.3 * std::sin(1.0 + static_cast<double>(i));
  std::vector<double> gradient(points.size());
  std::vector<double> value[2] = {std::vector<double>(kLanes), std::vector<double>(kLanes)};
  double seconds[2] = {1e9, 1e9};
  for (int r = 0; r < kEvaluations; ++r) {
    for (int k = 0; k < 2; ++k) {
      const auto start = Clock::now();
      built[k].model->evaluate({points.data(), dim, kLanes, kLanes}, value[k],
                               {gradient.data(), dim, kLanes, kLanes});
      seconds[k] = std::min(seconds[k], seconds_since(start));
    }
  }
  double difference = 0;
  for (size_t l = 0; l < kLanes; ++l) {
    difference = std::max(
        difference, std::abs(value[0][l] - value[1][l]) / std::max(1.0, std::abs(value[1][l])));
  }
  fmt::print("{:<38}{:>9}{:>11.1f}{:>10.1f}{:>13.2f}{:>10.2f}{:>8.2f}\n", name,
             built[0].model->discrete_variables().size(), 1e3 * build_seconds[0],
             1e3 * build_seconds[1], 1e6 * seconds[0] / kLanes, 1e6 * seconds[1] / kLanes,
             seconds[0] / seconds[1]);
  if (difference <= 1e-10) return true;
  fmt::print("  WRONG: the densities differ by {:.1e}\n", difference);
  return false;
}

std::string json_list(const std::vector<double>& x) {
  std::string text;
  for (double v : x) text += fmt::format("{}{:.6f}", text.empty() ? "" : ", ", v);
  return "[" + text + "]";
}

bool simulated_mixture(const fs::path& folder) {
  vinci::numeric::RandomStream random(1);
  std::vector<double> y;
  for (int n = 0; n < 10'000; ++n) {
    y.push_back(random.uniform() < 0.4 ? random.normal(-2, 1) : random.normal(2, 0.7));
  }
  std::ofstream(folder / "mixture.json") << "{\"N\": 10000, \"y\": " << json_list(y) << "}";
  const std::string head =
      "data { int N; vector[N] y; } parameters { simplex[2] p; ordered[2] mu; vector<lower=0>[2] "
      "sigma; ";
  const std::string prior = "mu ~ normal(0, 3); sigma ~ normal(0, 2); ";
  return compare("mixture, N = 10,000",
                 head + "array[N] int<lower=1, upper=2> z; } model { " + prior +
                     "for (n in 1:N) { z[n] ~ categorical(p); y[n] ~ normal(mu[z[n]], "
                     "sigma[z[n]]); } }",
                 head + "} model { " + prior +
                     "for (n in 1:N) target += log_mix(p[1], normal_lpdf(y[n] | mu[1], sigma[1]), "
                     "normal_lpdf(y[n] | mu[2], sigma[2])); }",
                 folder / "mixture.json");
}

bool simulated_hmm(const fs::path& folder) {
  vinci::numeric::RandomStream random(2);
  std::vector<double> y;
  double state = 0;
  for (int t = 0; t < 1000; ++t) {
    if (random.uniform() < 0.1) state = static_cast<double>(random.integer(4));
    y.push_back(random.normal(2 * state, 1));
  }
  std::ofstream(folder / "hmm.json") << "{\"T\": 1000, \"K\": 4, \"y\": " << json_list(y) << "}";
  const std::string head =
      "data { int T; int K; vector[T] y; } parameters { array[K] simplex[K] a; ordered[K] mu; "
      "real<lower=0> sigma; ";
  const std::string prior = "mu ~ normal(0, 5); sigma ~ normal(0, 1); ";
  return compare(
      "hidden Markov model, T = 1,000, K = 4",
      head + "array[T] int<lower=1, upper=K> z; } model { " + prior +
          "for (t in 2:T) z[t] ~ categorical(a[z[t - 1]]); y ~ normal(mu[z], sigma); }",
      head + "} model { " + prior +
          "array[T, K] real f; for (k in 1:K) f[1, k] = normal_lpdf(y[1] | mu[k], sigma); "
          "for (t in 2:T) for (k in 1:K) { array[K] real path; for (j in 1:K) path[j] = f[t - 1, "
          "j] "
          "+ log(a[j, k]) + normal_lpdf(y[t] | mu[k], sigma); f[t, k] = log_sum_exp(path); } "
          "target "
          "+= log_sum_exp(f[T]); }",
      folder / "hmm.json");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print("usage: {} DISCRETE_PROGRAMS PROGRAMS POSTERIORS\n", argv[0]);
    return 2;
  }
  fmt::print("{:<38}{:>9}{:>11}{:>10}{:>13}{:>10}{:>8}\n", "", "variables", "build ms", "by hand",
             "gradient us", "by hand", "ratio");
  const fs::path folder = fs::temp_directory_path() /
                          fmt::format("vinci_discrete_{}", Clock::now().time_since_epoch().count());
  fs::create_directories(folder);
  bool fine = simulated_mixture(folder);
  fine &= simulated_hmm(folder);
  fs::remove_all(folder);
  std::vector<fs::path> posteriors;
  for (const auto& entry : fs::directory_iterator(argv[3])) posteriors.push_back(entry.path());
  std::sort(posteriors.begin(), posteriors.end());
  for (const fs::path& posterior : posteriors) {
    const std::string name = posterior.filename();
    const std::string program = name.substr(name.find('-') + 1) + ".stan";
    if (!fs::exists(fs::path(argv[1]) / program) || !fs::exists(posterior / "data.json")) continue;
    fine &= compare(name, read(fs::path(argv[1]) / program), read(fs::path(argv[2]) / program),
                    posterior / "data.json");
  }
  return fine ? 0 : 1;
}
