#include "infer/ladder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "infer/dense.h"
#include "infer/judgement.h"
#include "infer/method/batch_and_match.h"
#include "infer/method/sqrt_natural_gradient.h"
#include "infer/random_streams.h"

namespace vinci::infer {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Index kElboDraws = 256;
constexpr Index kRaceIterations = 150;
constexpr Index kRivalIterations = 300;

double distance_squared(const FullRankNormal& q, const std::vector<double>& point) {
  Matrix z(q.dim(), 1), u(q.dim(), 1);
  z.col(0) = map_vector(point);
  q.whiten(lanes_of(z), mutable_lanes(u));
  return u.squaredNorm();
}

/// Neither covers the mean of the other.
bool apart(const FullRankNormal& a, const FullRankNormal& b) {
  const double radius = bulk_radius_squared(a.dim());
  return distance_squared(a, b.mean()) > radius && distance_squared(b, a.mean()) > radius;
}

class Climber {
 public:
  Climber(Objective& objective, const LadderOptions& options, const StageSink& stage)
      : objective_(objective), options_(options), stage_(stage) {}

  LadderResult climb(const PathfinderResult& starts) {
    const auto best_path = static_cast<size_t>(starts.best);
    const FullRankNormal warm_start = starts.paths[best_path].approximation->to_full_rank();
    const bool many_draws =
        objective_.dim() <= 300;  // else a dense update costs more than its draws
    Ascended best{warm_start};
    if (options_.start && elbo(*options_.start) >= elbo(warm_start)) {
      best.normal = *options_.start;
      raced_ = kRaceIterations;
    } else {
      const FullRankNormal warm = match(warm_start, "batch-and-match (warm)");
      best.normal = warm;
      if (many_draws) {
        const FullRankNormal cold =
            match(FullRankNormal(objective_.dim()), "batch-and-match (cold)");
        best.normal = race(warm, cold);
      }
    }
    best = ascend(best.normal, options_.max_iterations, "natural gradient", raced_);
    LadderResult result{best, {}};
    if (many_draws) look_elsewhere(starts, result);
    return result;
  }

 private:
  numeric::RandomKey key() { return {options_.seed, stream::kLadder + next_stream_++}; }
  double elbo(const FullRankNormal& q) {
    return estimate_elbo(objective_, q, kElboDraws, {options_.seed, stream::kRaceElbo}).value;
  }

  FullRankNormal match(const FullRankNormal& start, const char* name) {
    BatchAndMatchOptions o;
    FullRankNormal end = batch_and_match(objective_, start, o, key()).normal;
    // A matching that made things worse (it has no bound to guard it) is not taken.
    const double before = elbo(start), after = elbo(end);
    const bool better = after >= before;
    stage_(name, std::max(before, after));
    const FullRankNormal& kept = better ? end : start;
    keep(name, kept, std::max(before, after));
    return kept;
  }

  /// Which of two starts leads higher: both ascend a little way unless they have met already.
  FullRankNormal race(const FullRankNormal& warm, const FullRankNormal& cold) {
    const double warm_elbo = elbo(warm), cold_elbo = elbo(cold);
    const bool met = std::abs(warm_elbo - cold_elbo) < 0.05 &&
                     distance_squared(warm, cold.mean()) < 0.1 * static_cast<double>(warm.dim());
    // A cold start that is this far behind needs longer than the warm one, wherever it leads.
    const double hopeless = 20 + static_cast<double>(warm.dim());
    if (met || !(cold_elbo > warm_elbo - hopeless)) return warm_elbo >= cold_elbo ? warm : cold;
    const Ascended a = ascend(warm, kRaceIterations, "natural gradient (warm)", 0);
    const Ascended b = ascend(cold, kRaceIterations, "natural gradient (cold)", 0);
    raced_ = kRaceIterations;
    return a.elbo >= b.elbo ? a.normal : b.normal;
  }

  Ascended ascend(const FullRankNormal& start, Index iterations, const char* name, Index first) {
    NaturalGradientOptions o;
    const Index dim = objective_.dim();
    // Each step costs D^3: with more draws for it as the dimension grows, draws and step stay in
    // balance.
    o.batch = std::clamp<Index>(dim / 4, 16, 128);
    o.gap_tolerance = options_.gap_tolerance;
    o.max_iterations = iterations;
    o.first_iteration = first;
    o.checkpoints = options_.checkpoints;
    NaturalGradientResult r = sqrt_natural_gradient(objective_, start, o, key());
    Ascended a{std::move(r.normal), 0, r.gap, r.gap_error, r.converged};
    a.elbo = elbo(a.normal);
    // The steps' average can be worse than where they began only if they went astray.
    const double before = elbo(start);
    if (!(a.elbo >= before)) {
      a.normal = start;
      a.elbo = before;
    }
    stage_(name, a.elbo);
    keep(name, a.normal, a.elbo);
    return a;
  }

  void keep(const char* name, const FullRankNormal& q, double elbo) {
    if (options_.checkpoints == nullptr || !options_.checkpoints->due()) return;
    options_.checkpoints->offer({name, 0, std::make_shared<FullRankNormal>(q), elbo});
  }

  void look_elsewhere(const PathfinderResult& starts, LadderResult& result) {
    const Index dim = objective_.dim();
    const double radius = bulk_radius_squared(dim);
    std::vector<size_t> order;
    for (size_t p = 0; p < starts.paths.size(); ++p) {
      // Pathfinder's own ELBO lies below what an ascent from it reaches, by up to about a nat per
      // coordinate.
      if (starts.paths[p].approximation &&
          starts.paths[p].elbo > result.best.elbo - 20 - static_cast<double>(dim)) {
        order.push_back(p);
      }
    }
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return starts.paths[a].elbo > starts.paths[b].elbo;
    });
    std::vector<FullRankNormal> seen{result.best.normal};
    Index refits = 0;
    for (const size_t p : order) {
      if (refits >= options_.max_rivals || objective_.should_stop()) break;
      const LowRankNormal& path = *starts.paths[p].approximation;
      const bool covered = std::any_of(seen.begin(), seen.end(), [&](const FullRankNormal& q) {
        return distance_squared(q, path.mean()) <= radius;
      });
      if (covered) continue;
      ++refits;
      const FullRankNormal start = match(path.to_full_rank(), "batch-and-match (elsewhere)");
      Ascended other = ascend(start, kRivalIterations, "natural gradient (elsewhere)", 0);
      // What the path saw is seen, wherever the ascent ended.
      seen.push_back(path.to_full_rank());
      const bool distinct =
          apart(other.normal, result.best.normal) &&
          std::all_of(result.rivals.begin(), result.rivals.end(),
                      [&](const Ascended& r) { return apart(r.normal, other.normal); });
      seen.push_back(other.normal);
      if (distinct) {
        result.rivals.push_back(std::move(other));
      } else if (other.elbo > result.best.elbo + 0.1) {
        result.best = std::move(other);  // the same place, better fitted
      }
    }
    std::stable_sort(result.rivals.begin(), result.rivals.end(),
                     [](const Ascended& a, const Ascended& b) { return a.elbo > b.elbo; });
    if (!result.rivals.empty() && result.rivals.front().elbo > result.best.elbo) {
      std::swap(result.rivals.front(), result.best);
    }
  }

  Objective& objective_;
  const LadderOptions& options_;
  const StageSink& stage_;
  uint32_t next_stream_ = 0;
  Index raced_ = 0;
};

}  // namespace

double bulk_radius_squared(Index dim) {
  const auto d = static_cast<double>(dim);
  return d + 5 * std::sqrt(2 * d) + 10;
}

LadderResult climb_full_rank(Objective& objective, const PathfinderResult& starts,
                             const LadderOptions& options, const StageSink& stage) {
  return Climber(objective, options, stage).climb(starts);
}

}  // namespace vinci::infer
