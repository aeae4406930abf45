#include "infer/judgement.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "infer/dense.h"
#include "infer/random_streams.h"
#include "numeric/random/random_stream.h"

namespace vinci::infer {

double Judgement::khat() const {
  return std::isnan(psis.khat) ? std::numeric_limits<double>::infinity() : psis.khat;
}

Judgement judge_family(Objective& objective, const Family& q, Index count, Index least,
                       numeric::RandomKey key) {
  const Index dim = q.dim();
  Judgement j;
  // Between chunks the budget is looked at; long points are many numbers each.
  constexpr Index kMostChunk = 512, kChunkNumbers = Index{1} << 22;
  const Index chunk = std::clamp<Index>(kChunkNumbers / std::max<Index>(dim, 1), 16, kMostChunk);
  Matrix z;
  for (Index first = 0; first < count && (first < least || !objective.should_stop());
       first += chunk) {
    j.count = std::min(first + chunk, count);
    const Index width = j.count - first;
    const auto at = static_cast<size_t>(first), n = static_cast<size_t>(width);
    j.points.resize(static_cast<size_t>(j.count * dim));
    j.log_density.resize(at + n);
    j.log_q.resize(at + n);
    z.resize(dim, width);
    q.draw(key, 0, static_cast<uint32_t>(first), mutable_lanes(z),
           std::span(j.log_q).subspan(at, n));
    objective.evaluate(lanes_of(z), std::span(j.log_density).subspan(at, n));
    Eigen::Map<Matrix>(j.points.data() + first * dim, width, dim) = z.transpose();
  }
  std::vector<double> ratios(static_cast<size_t>(j.count));
  for (size_t s = 0; s < ratios.size(); ++s) ratios[s] = j.log_density[s] - j.log_q[s];
  j.psis = diagnose::smooth_importance_weights(ratios);
  j.elbo = diagnose::elbo_from_log_ratios(ratios);
  return j;
}

diagnose::Estimate estimate_elbo(Objective& objective, const Family& q, Index count,
                                 numeric::RandomKey key) {
  Matrix z(q.dim(), count);
  std::vector<double> log_q(static_cast<size_t>(count)), value(static_cast<size_t>(count));
  q.draw(key, 0, 0, mutable_lanes(z), log_q);
  objective.evaluate(lanes_of(z), value);
  // A draw outside of the support counts as far below: ELBOs are compared with it, not reported.
  constexpr double kPenalty = 100;
  double lowest = std::numeric_limits<double>::infinity();
  for (size_t s = 0; s < value.size(); ++s) {
    value[s] -= log_q[s];
    if (std::isfinite(value[s])) lowest = std::min(lowest, value[s]);
  }
  if (std::isinf(lowest)) return diagnose::elbo_from_log_ratios(value);
  for (double& v : value) {
    if (!std::isfinite(v)) v = lowest - kPenalty;
  }
  return diagnose::elbo_from_log_ratios(value);
}

void hand_out(const Judgement& j, bool may_reweight, const FitOptions& options, FitResult& result) {
  if (j.psis.weights.empty()) return;
  // Weights with k-hat up to 1 have a mean: reweighted draws are nearer to the posterior than q
  // is, even where they are not near enough to be called reliable.
  result.resampled =
      options.resample && !j.psis.constant && j.khat() < 1 && j.psis.ess > 50 && may_reweight;
  std::vector<Index> chosen;
  if (result.resampled) {
    numeric::RandomStream random(options.seed, stream::kResample);
    chosen = diagnose::systematic_resample(j.psis.weights, options.draws, random.uniform());
  } else {
    for (Index s = 0; s < std::min(options.draws, j.count); ++s) chosen.push_back(s);
  }
  const auto dim = static_cast<std::ptrdiff_t>(result.dim);
  result.num_draws = static_cast<Index>(chosen.size());
  result.draws.reserve(chosen.size() * static_cast<size_t>(dim));
  for (const Index s : chosen) {
    const auto i = static_cast<size_t>(s);
    const auto first = j.points.begin() + s * dim;
    result.draws.insert(result.draws.end(), first, first + dim);
    result.log_density.push_back(j.log_density[i]);
    result.log_q.push_back(j.log_q[i]);
  }
}

}  // namespace vinci::infer
