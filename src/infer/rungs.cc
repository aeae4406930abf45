#include "infer/rungs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "infer/family/defended.h"
#include "infer/family/mixture.h"
#include "infer/family/recentred_family.h"
#include "infer/method/adaptive_mixture.h"
#include "infer/method/fit_sinh_arcsinh.h"
#include "infer/method/flow_vi.h"
#include "infer/random_streams.h"

namespace vinci::infer {
namespace {

constexpr Index kMaxWarpedDim = 300;
// The networks of a flow learn some hundreds of numbers for each coordinate.
constexpr Index kMaxFlowDim = 60;
// The mixture learns D^2/2 numbers a component from a few thousand effective draws.
constexpr Index kMaxMixtureDim = 40;
constexpr Index kMaxSampledDim = 200;
// What k-hat must fall by for an approximation with a lower bound.
constexpr double kWorthwhile = 0.05;

}  // namespace

void Rungs::climb(Candidate& candidate, Judgement& j) {
  if (candidate.normals.empty() && !candidate.may_recentre) return;
  if (j.khat() <= kGoodKhat || run_.objective.should_stop()) return;
  recentre(candidate, j);
  if (candidate.normals.empty()) return;
  if (j.khat() <= kGoodKhat || run_.objective.should_stop()) return;
  const bool one_mode = candidate.normals.size() == 1;
  if (one_mode && run_.dim() <= kMaxWarpedDim) warp(candidate, j);
  if (j.khat() <= kGoodKhat || run_.objective.should_stop()) return;
  widen_tails(candidate, j);
  // What follows costs more than all before it: not where importance weights will do.
  if (j.khat() <= kReliableKhat || run_.objective.should_stop()) return;
  if (one_mode && run_.dim() <= kMaxFlowDim) flow(candidate, j);
  // A mixture fitted to weighted draws is never more than usable.
  if (j.khat() <= kReliableKhat || run_.objective.should_stop()) return;
  if (run_.dim() <= kMaxMixtureDim) adapt(candidate, j);
  if (j.khat() > kReliableKhat && worth_sampling(j)) sample(candidate, j);
}

/// Skew and tails for each whitened coordinate.
void Rungs::warp(Candidate& candidate, Judgement& j) {
  SinhArcsinhOptions o;
  o.gap_tolerance = run_.gap_tolerance;
  const SinhArcsinhResult r =
      fit_sinh_arcsinh(run_.objective, candidate.normals.front(), o, run_.key(stream::kWarp));
  const auto q = std::make_shared<SinhArcsinhNormal>(r.q);
  Judgement next = run_.judge(*q, stream::kWarp + 1);
  run_.stage("sinh-arcsinh", next.elbo.value);
  run_.note_bound(next.elbo);
  if (!is_better(next, j)) return;
  candidate.q = q;
  candidate.gap = std::max(0.0, r.gap - 2 * r.gap_error);
  candidate.converged = candidate.gap <= run_.gap_tolerance;
  j = std::move(next);
}

void Rungs::widen_tails(Candidate& candidate, Judgement& j) {
  const FamilyPtr q = widen(candidate.normals, candidate.weights);
  Judgement next = run_.judge(*q, stream::kSecondJudge);
  run_.stage("wider tails", next.elbo.value);
  run_.note_bound(next.elbo);
  if (!(next.khat() < j.khat() - kWorthwhile)) return;
  candidate.q = q;
  j = std::move(next);
}

/// A real-NVP flow around the normal, then the same with wider tails.
void Rungs::flow(Candidate& candidate, Judgement& j) {
  const FullRankNormal& normal = candidate.normals.front();
  const Budget budget{static_cast<int64_t>(0.5 * run_.objective.evaluations_left()),
                      0.5 * run_.objective.seconds_left()};
  const FlowViResult r =
      escalate_flow(run_.objective, normal, budget, run_.key(stream::kFlow), &run_.pool);
  run_.stage("real-NVP flow", r.elbo);
  if (!r.q) return;
  const auto keep = [&](const FamilyPtr& q, uint32_t stream, const char* name) {
    Judgement next = run_.judge(*q, stream);
    run_.stage(name, next.elbo.value);
    run_.note_bound(next.elbo);
    if (!is_better(next, j)) return;
    candidate.q = q;
    candidate.gap = std::numeric_limits<double>::quiet_NaN();
    candidate.converged = true;
    j = std::move(next);
  };
  keep(r.q, stream::kFlow + 2, "judge (flow)");
  if (j.khat() <= kGoodKhat || run_.objective.should_stop()) return;
  constexpr double kShare = 0.05;
  keep(std::make_shared<Defended>(r.q, widen({normal}, {1}), kShare), stream::kDefendedJudge,
       "judge (flow with wider tails)");
}

/// A normal in coordinates with a learned centring. From where it is kept on, all that follows is
/// in these coordinates, until the draws are handed out.
void Rungs::recentre(Candidate& candidate, Judgement& j) {
  if (run_.recentrable == nullptr || run_.recentrable->sites().empty()) return;
  CentringOptions o;
  o.max_dense_dim = kMaxDenseEscalationDim;
  o.seed = run_.options.seed;
  o.first_stream = stream::kCentring;
  o.gap_tolerance = run_.gap_tolerance;
  const CentringResult r =
      fit_recentred(run_.objective, run_.coordinates, *run_.recentrable, candidate.q, o,
                    [this](const std::string& name, double elbo) { run_.stage(name, elbo); });
  if (!r.density) return;
  // Other modes must not get lost on the way.
  for (size_t k = 1; k < candidate.normals.size(); ++k) {
    if (!covers(r, candidate.normals[k].mean())) return;
  }
  auto scope = std::make_unique<CurrentCoordinates::Scope>(run_.coordinates, *r.density);
  Judgement next = run_.judge(*r.normal, stream::kCentringJudge);
  run_.stage("judge (recentred)", next.elbo.value);
  run_.note_bound(next.elbo);
  if (!is_better(next, j)) return;
  recentred_ = r.density;
  recentred_scope_ = std::move(scope);
  candidate.q = r.normal;
  candidate.normals.clear();
  candidate.weights.clear();
  if (r.dense) {
    candidate.normals.push_back(*r.dense);
    candidate.weights.push_back(1);
  }
  candidate.modes_covered = 1;
  candidate.gap = std::max(0.0, r.gap - 2 * r.gap_error);
  candidate.converged = candidate.gap <= run_.gap_tolerance;
  j = std::move(next);
}

void Rungs::adapt(Candidate& candidate, Judgement& j) {
  AdaptiveMixtureOptions o;
  const AdaptiveMixtureResult r = adapt_mixture(run_.objective, candidate.normals.front(), j, o,
                                                run_.options.seed, stream::kEscalation);
  run_.stage("adaptive mixture");
  if (!r.mixture) return;
  Judgement next = run_.judge(*r.mixture, stream::kThirdJudge);
  run_.stage("judge (mixture)", next.elbo.value);
  run_.note_bound(next.elbo);
  if (!(next.khat() < j.khat() - kWorthwhile)) return;
  candidate.q = r.mixture;
  candidate.adapted = true;
  j = std::move(next);
}

/// Whether sequential Monte Carlo can end within the budget: some fifty moves of ten steps each.
bool Rungs::worth_sampling(const Judgement& j) const {
  const SmcOptions o;
  const auto evaluations = static_cast<double>(50 * o.leapfrog_steps * o.islands * o.particles);
  const double each =
      run_.objective.elapsed_seconds() / static_cast<double>(run_.objective.evaluations());
  return !j.psis.weights.empty() && run_.dim() <= kMaxSampledDim && !run_.objective.should_stop() &&
         run_.objective.evaluations_left() > evaluations &&
         run_.objective.seconds_left() > each * evaluations;
}

/// The last rung: particles that follow a path from q to the posterior. A mixture fitted to them
/// may be an approximation that k-hat can vouch for; else the particles themselves are the draws.
void Rungs::sample(Candidate& candidate, Judgement& j) {
  const auto progress = [this](double beta, double log_evidence) {
    Progress p;
    p.stage = "sequential Monte Carlo";
    p.fraction = beta;
    p.elbo = log_evidence;
    p.elapsed_seconds = run_.objective.elapsed_seconds();
    run_.context.progress(p);
  };
  SmcOptions o;
  SmcResult r = smc(run_.objective, candidate.normals, candidate.weights, o, run_.options.seed,
                    stream::kSmc, progress);
  run_.stage("sequential Monte Carlo", r.log_evidence.value);
  if (!r.completed) return;
  if (run_.dim() <= kMaxMixtureDim && !run_.objective.should_stop()) {
    Judgement particles;
    particles.count = r.count;
    particles.points = r.points;
    particles.psis.weights.assign(static_cast<size_t>(r.count), 1 / static_cast<double>(r.count));
    particles.psis.khat = std::numeric_limits<double>::infinity();
    AdaptiveMixtureOptions mixture_options;
    const AdaptiveMixtureResult mixture =
        adapt_mixture(run_.objective, candidate.normals.front(), particles, mixture_options,
                      run_.options.seed, stream::kSmcMixture);
    run_.stage("mixture of particles");
    if (mixture.mixture && mixture.khat < std::min(j.khat(), kReliableKhat)) {
      Judgement next = run_.judge(*mixture.mixture, stream::kFourthJudge);
      run_.stage("judge (mixture)", next.elbo.value);
      run_.note_bound(next.elbo);
      if (next.khat() <= kReliableKhat) {
        candidate.q = mixture.mixture;
        candidate.adapted = true;
        j = std::move(next);
        return;
      }
    }
  }
  if (r.trustworthy()) sampled_ = std::move(r);
}

void Rungs::to_original(Candidate& candidate, Judgement& j) {
  if (!recentred_) return;
  candidate.q = std::make_shared<RecentredFamily>(recentred_, candidate.q);
  j = original_judgement(j, *recentred_);
  const std::vector<double> log_abs_det = original_points(*recentred_, sampled_.points);
  for (size_t s = 0; s < log_abs_det.size(); ++s) sampled_.log_density[s] -= log_abs_det[s];
  recentred_scope_.reset();
}

}  // namespace vinci::infer
