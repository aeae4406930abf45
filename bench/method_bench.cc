// How many density evaluations each method takes to the best full-rank normal: gap to the best ELBO
// at 1,000 to 30,000 evaluations, median of several seeds.
//
//     vinci_method_bench [SEEDS]
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "diagnose/psis.h"
#include "infer/estimator/estimator.h"
#include "infer/family/full_rank_normal_family.h"
#include "infer/judgement.h"
#include "infer/ladder.h"
#include "infer/method/advi.h"
#include "infer/method/batch_and_match.h"
#include "infer/method/gaussian_score_matching.h"
#include "infer/method/pathfinder.h"
#include "infer/method/stochastic_vi.h"
#include "infer/optimizer/optimizer.h"
#include "infer/testing/targets.h"

namespace {

using namespace vinci;
using namespace vinci::infer;

constexpr int64_t kBudgets[] = {1000, 3000, 10000, 30000};
constexpr Index kElboDraws = 4000;

struct Target {
  std::string name;
  std::shared_ptr<const LogDensity> density;
};

std::vector<Target> targets() {
  std::vector<double> mean, sd;
  for (int i = 0; i < 50; ++i) {
    mean.push_back(0.1 * i);
    sd.push_back(std::pow(10, 2.0 * i / 49 - 1));
  }
  const auto own = [](testing::PointDensity d) {
    return std::make_shared<testing::PointDensity>(std::move(d));
  };
  return {{"normal, D = 50, condition 1e4", own(testing::rotated_normal(mean, sd, 0.7))},
          {"logistic regression, D = 20", own(testing::logistic_regression(20, 100))},
          {"logistic regression, D = 60", own(testing::logistic_regression(60, 100))},
          {"eight schools, non-centred", own(testing::eight_schools_noncentered())},
          {"eight schools, centred", own(testing::eight_schools_centered())},
          {"funnel, D = 10", own(testing::funnel(10))}};
}

/// What a method leaves when `objective` tells it to stop.
using Run = std::function<FullRankNormal(Objective& objective, uint64_t seed)>;

FullRankNormal pathfinder_start(Objective& objective, uint64_t seed) {
  const PathfinderResult r = pathfinder(objective, {}, {seed, 1});
  if (r.best < 0) return FullRankNormal(objective.dim());
  return r.paths[static_cast<size_t>(r.best)].approximation->to_full_rank();
}

std::vector<std::pair<std::string, Run>> methods() {
  constexpr Index kUntilStopped = 1'000'000;
  return {
      {"Pathfinder", pathfinder_start},
      {"batch-and-match, warm",
       [](Objective& objective, uint64_t seed) {
         BatchAndMatchOptions o;
         o.iterations = kUntilStopped;
         return batch_and_match(objective, pathfinder_start(objective, seed), o, {seed, 2}).normal;
       }},
      {"Gaussian score matching, warm",
       [](Objective& objective, uint64_t seed) {
         GaussianScoreMatchingOptions o;
         o.iterations = kUntilStopped;
         return gaussian_score_matching(objective, pathfinder_start(objective, seed), o, {seed, 2})
             .normal;
       }},
      {"ADVI as in Stan, full rank",
       [](Objective& objective, uint64_t seed) {
         AdviOptions o;
         o.full_rank = true;
         o.relative_tol = 0;  // goes on to the budget
         o.max_iterations = kUntilStopped;
         const AdviResult r = advi(objective, o, {seed, 2});
         const auto* q = dynamic_cast<const FullRankNormal*>(r.approximation.get());
         return q != nullptr ? *q : FullRankNormal(objective.dim());
       }},
      {"Adam, sticking the landing, warm",
       [](Objective& objective, uint64_t seed) {
         const FullRankNormalFamily family(objective.dim());
         StochasticViOptions o;
         o.start = FullRankNormalFamily::params_of(pathfinder_start(objective, seed));
         o.max_iterations = kUntilStopped;
         const EstimatorPtr e = sticking_the_landing_estimator({.draws = 16});
         const StochasticViResult r =
             stochastic_vi(objective, family, *e, *adam(0.03), o, {seed, 2});
         return *std::dynamic_pointer_cast<const FullRankNormal>(family.at(r.lambda));
       }},
      {"vinci's ladder",
       [](Objective& objective, uint64_t seed) {
         const PathfinderResult starts = pathfinder(objective, {}, {seed, 1});
         if (starts.best < 0) return FullRankNormal(objective.dim());
         LadderOptions o;
         o.seed = seed;
         o.gap_tolerance = 1e-4;
         o.max_iterations = kUntilStopped;
         o.max_rivals = 0;
         return climb_full_rank(objective, starts, o, [](const std::string&, double) {})
             .best.normal;
       }},
  };
}

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x[x.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int seeds = argc > 1 ? std::stoi(argv[1]) : 5;
  const Context context;
  fmt::print(
      "Gap to the best ELBO of a full-rank normal in nats, median [worst] of {} seeds, common "
      "random numbers ({} draws); last column: k-hat at the largest budget.\n",
      seeds, kElboDraws);
  for (const Target& target : targets()) {
    std::map<std::string, std::vector<std::vector<double>>> elbos;  // by method: [budget][seed]
    std::map<std::string, std::vector<double>> khats;
    double best = -std::numeric_limits<double>::infinity();
    for (const auto& [name, run] : methods()) {
      auto& rows = elbos[name];
      for (const int64_t budget : kBudgets) {
        rows.emplace_back();
        for (int seed = 1; seed <= seeds; ++seed) {
          Objective limited(*target.density, context, {budget, 600});
          const FullRankNormal q = run(limited, static_cast<uint64_t>(seed));
          Objective free(*target.density, context);
          const double elbo = estimate_elbo(free, q, kElboDraws, {99, 99}).value;
          rows.back().push_back(elbo);
          best = std::max(best, elbo);
          if (budget == kBudgets[3]) {
            khats[name].push_back(judge_family(free, q, 4000, 4000, {98, 98}).khat());
          }
        }
      }
    }
    fmt::print("\n{}: best {:.3f}\n", target.name, best);
    for (const auto& [name, run] : methods()) {
      fmt::print("  {:<34}", name);
      for (const auto& row : elbos[name]) {
        const double worst = *std::min_element(row.begin(), row.end());
        fmt::print(" {:>9.3g} [{:>8.3g}]", best - median(row), best - worst);
      }
      fmt::print("  {:.2f}\n", median(khats[name]));
      std::fflush(stdout);
    }
  }
  return 0;
}
