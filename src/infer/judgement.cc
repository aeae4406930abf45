#include "infer/judgement.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "infer/dense.h"

namespace vinci::infer {

double Judgement::khat() const {
  return std::isnan(psis.khat) ? std::numeric_limits<double>::infinity() : psis.khat;
}

Judgement judge_family(Objective& objective, const Family& q, Index count, Index least,
                       numeric::RandomKey key) {
  const Index dim = q.dim();
  Judgement j;
  constexpr Index kChunk = 512;
  Matrix z;
  for (Index first = 0; first < count && (first < least || !objective.should_stop());
       first += kChunk) {
    j.count = std::min(first + kChunk, count);
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

}  // namespace vinci::infer
