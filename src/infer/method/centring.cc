#include "infer/method/centring.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "infer/dense.h"
#include "infer/family/recentred_family.h"
#include "infer/judgement.h"
#include "infer/method/batch_and_match.h"
#include "infer/method/sparse_newton.h"
#include "infer/method/sqrt_natural_gradient.h"
#include "infer/random_streams.h"

namespace vinci::infer {

namespace {

constexpr double kGrid = 8;  // centrings are multiples of 1 / kGrid
constexpr Index kElboDraws = 256;

/// Draws of q in the coordinates of `density`; empty if any is not finite.
Matrix recentred_draws(const Family& q, const model::Recentred& density, Index count,
                       numeric::RandomKey key) {
  Matrix x(q.dim(), count), z(q.dim(), count);
  std::vector<double> ignored(static_cast<size_t>(count));
  q.draw(key, 0, 0, mutable_lanes(x), ignored);
  density.from_original(lanes_of(x), mutable_lanes(z), ignored);
  if (!z.allFinite()) z.resize(q.dim(), 0);
  return z;
}

/// The normal with mean and covariance of draws of q, seen in the coordinates of `density`.
std::optional<FullRankNormal> moments_of(const Family& q, const model::Recentred& density,
                                         numeric::RandomKey key) {
  const Index count = std::max<Index>(1024, 4 * q.dim());
  Matrix z = recentred_draws(q, density, count, key);
  if (z.cols() == 0) return {};
  const Vector mean = z.rowwise().mean();
  z.colwise() -= mean;
  Eigen::MatrixXd covariance = (z * z.transpose()) / static_cast<double>(count - 1);
  const Vector variance = covariance.diagonal();
  // A little towards the diagonal: with 4 D draws the smallest eigenvalues come out too small.
  constexpr double kShrink = 0.02;
  covariance *= 1 - kShrink;
  covariance.diagonal() += kShrink * variance;
  const Eigen::LLT<Eigen::MatrixXd> llt(covariance);
  if (llt.info() != Eigen::Success) return {};
  const Matrix factor = llt.matrixL();
  return FullRankNormal(to_std(mean), to_std(factor));
}

/// A normal fitted in new coordinates; null where there is none.
struct Refitted {
  NormalPtr normal;
  std::optional<FullRankNormal> dense;
  double elbo = -std::numeric_limits<double>::infinity();
  double gap = std::numeric_limits<double>::infinity();
  double gap_error = std::numeric_limits<double>::infinity();
  bool converged = false;
};

/// The fit in the coordinates of `density`, which `objective` evaluates. Uses four streams.
class Refit {
 public:
  Refit(Objective& objective, const model::Recentred& density, const CentringOptions& options,
        uint32_t first_stream)
      : objective_(objective), density_(density), options_(options), next_stream_(first_stream) {}

  /// From q, a family of the original coordinates.
  Refitted run(const Family& q) {
    if (q.dim() <= options_.max_dense_dim) return dense(q);
    const std::optional<SparsePlan> plan = plan_where_it_pays(objective_);
    return plan ? sparse(q, *plan) : Refitted{};
  }

 private:
  Refitted sparse(const Family& q, const SparsePlan& plan) {
    constexpr Index kDraws = 1024;
    const Matrix z = recentred_draws(q, density_, kDraws, key());
    if (z.cols() == 0) return {};
    const Vector mean = z.rowwise().mean();
    const Vector sd = (z.colwise() - mean).rowwise().norm() / std::sqrt(double{kDraws});
    SparseNewtonOptions o;
    o.gap_tolerance = options_.gap_tolerance;
    const SparseNewtonResult r =
        sparse_newton(objective_, plan, to_std(mean), to_std(sd), o, key());
    Refitted fitted;
    if (!r.normal) return fitted;
    fitted.normal = r.normal;
    fitted.elbo = elbo(*r.normal);
    fitted.gap = r.gap;
    fitted.gap_error = r.gap_error;
    fitted.converged = r.converged;
    return fitted;
  }

  Refitted dense(const Family& q) {
    const std::optional<FullRankNormal> start = moments_of(q, density_, key());
    if (!start) return {};
    FullRankNormal best = *start;
    const FullRankNormal matched = batch_and_match(objective_, *start, {}, key()).normal;
    if (elbo(matched) > elbo(*start)) best = matched;
    NaturalGradientOptions o;
    o.batch = std::clamp<Index>(objective_.dim() / 4, 16, 128);
    o.gap_tolerance = options_.gap_tolerance;
    o.max_iterations = options_.max_iterations;
    const NaturalGradientResult r = sqrt_natural_gradient(objective_, best, o, key());
    return {std::make_shared<FullRankNormal>(r.normal),
            r.normal,
            elbo(r.normal),
            r.gap,
            r.gap_error,
            r.converged};
  }

  double elbo(const Family& q) {
    return estimate_elbo(objective_, q, kElboDraws, {options_.seed, stream::kRaceElbo}).value;
  }
  numeric::RandomKey key() { return {options_.seed, next_stream_++}; }

  Objective& objective_;
  const model::Recentred& density_;
  const CentringOptions& options_;
  uint32_t next_stream_;
};

}  // namespace

std::vector<double> balance_centring(Objective& objective, const model::Recentrable& density,
                                     const model::Recentred& non_centred, const Family& q,
                                     Index points, numeric::RandomKey key) {
  const auto sites = density.sites();
  const auto n = static_cast<Index>(sites.size());
  const Index dim = q.dim();
  Matrix x(dim, points), u(dim, points);
  std::vector<double> ignored(static_cast<size_t>(points));
  q.draw(key, 0, 0, mutable_lanes(x), ignored);
  non_centred.from_original(lanes_of(x), mutable_lanes(u), ignored);

  std::vector<double> sum(sites.size(), 0.0);
  std::vector<int> count(sites.size(), 0);
  constexpr Index kChunk = 128;  // sites at a time, two lanes each
  Matrix z, gradient;
  std::vector<double> value;
  for (Index p = 0; p < points && !objective.should_stop(); ++p) {
    for (Index first = 0; first < n; first += kChunk) {
      const Index width = std::min(kChunk, n - first);
      z = u.col(p).replicate(1, 2 * width);
      gradient.resize(dim, 2 * width);
      value.resize(static_cast<size_t>(2 * width));
      const auto step_of = [&](Index coordinate) {
        return 1e-4 * std::max(1.0, std::abs(u(coordinate, p)));
      };
      for (Index k = 0; k < width; ++k) {
        const Index coordinate = sites[static_cast<size_t>(first + k)].coordinate;
        z(coordinate, 2 * k) -= step_of(coordinate);
        z(coordinate, 2 * k + 1) += step_of(coordinate);
      }
      objective.evaluate(lanes_of(z), value, mutable_lanes(gradient));
      for (Index k = 0; k < width; ++k) {
        const auto site = static_cast<size_t>(first + k);
        if (!std::isfinite(value[static_cast<size_t>(2 * k)]) ||
            !std::isfinite(value[static_cast<size_t>(2 * k + 1)])) {
          continue;
        }
        const Index coordinate = sites[site].coordinate;
        const double precision = (gradient(coordinate, 2 * k) - gradient(coordinate, 2 * k + 1)) /
                                 (2 * step_of(coordinate));
        const double share = 1 - sites[site].curvature / precision;
        // A log likelihood that is not concave there knows less of u than the prior does.
        sum[site] += precision > 0 ? std::clamp(share, 0.0, 1.0) : 0.0;
        ++count[site];
      }
    }
  }
  std::vector<double> centring(sites.size());
  for (size_t k = 0; k < sites.size(); ++k) {
    const double own = sites[k].centred ? 1 : 0;
    centring[k] = count[k] == 0 ? own : std::round(kGrid * sum[k] / count[k]) / kGrid;
  }
  return centring;
}

CentringResult fit_recentred(Objective& objective, CurrentCoordinates& coordinates,
                             const model::Recentrable& density, FamilyPtr q,
                             const CentringOptions& options, const StageSink& stage) {
  CentringResult result;
  const auto sites = density.sites();
  if (sites.empty()) return result;
  const auto n = static_cast<Index>(sites.size());
  std::vector<double> current;
  for (const auto& site : sites) current.push_back(site.centred ? 1 : 0);
  const std::vector<double> none(sites.size(), 0.0);
  const std::unique_ptr<model::Recentred> non_centred = density.recentred(none);
  const Index points = std::clamp<Index>(options.evaluations / (2 * n), 4, 32);
  for (Index round = 0; round < options.max_rounds && !objective.should_stop(); ++round) {
    const uint32_t first_stream = options.first_stream + 4 * static_cast<uint32_t>(round);
    std::vector<double> centring;
    {
      const CurrentCoordinates::Scope scope(coordinates, *non_centred);
      centring = balance_centring(objective, density, *non_centred, *q, points,
                                  {options.seed, first_stream});
    }
    stage("centring", std::numeric_limits<double>::quiet_NaN());
    double largest = 0;
    for (size_t k = 0; k < centring.size(); ++k) {
      largest = std::max(largest, std::abs(centring[k] - current[k]));
    }
    if (largest <= 1 / kGrid) break;
    std::shared_ptr<const model::Recentred> recentred = density.recentred(centring);
    const CurrentCoordinates::Scope scope(coordinates, *recentred);
    Refitted r = Refit(objective, *recentred, options, first_stream + 1).run(*q);
    if (!r.normal) break;
    stage("recentred", r.elbo);
    current = centring;
    if (!(r.elbo > result.elbo)) break;  // the second look was no better than the first
    q = std::make_shared<RecentredFamily>(recentred, r.normal);
    result.density = std::move(recentred);
    result.centring = std::move(centring);
    result.normal = std::move(r.normal);
    result.dense = std::move(r.dense);
    result.elbo = r.elbo;
    result.gap = r.gap;
    result.gap_error = r.gap_error;
    result.converged = r.converged;
    result.rounds = round + 1;
  }
  return result;
}

bool covers(const CentringResult& r, const std::vector<double>& original_point) {
  const auto dim = static_cast<Index>(original_point.size());
  Matrix x(dim, 1), z(dim, 1);
  x.col(0) = map_vector(original_point);
  double ignored = 0, log_q = 0;
  r.density->from_original(lanes_of(x), mutable_lanes(z), {&ignored, 1});
  r.normal->log_q(lanes_of(z), {&log_q, 1});
  // log q = D / 2 - entropy - |u|^2 / 2, u the point in units of the normal.
  const double radius_squared = static_cast<double>(dim) - 2 * (r.normal->entropy() + log_q);
  return radius_squared <= bulk_radius_squared(dim);
}

std::vector<double> original_points(const model::Recentred& density, std::vector<double>& points) {
  const Index dim = density.dim(), count = static_cast<Index>(points.size()) / dim;
  const Matrix z = Eigen::Map<const Matrix>(points.data(), count, dim).transpose();
  Matrix x(dim, count);
  std::vector<double> log_abs_det(static_cast<size_t>(count));
  density.to_original(lanes_of(z), mutable_lanes(x), log_abs_det);
  Eigen::Map<Matrix>(points.data(), count, dim) = x.transpose();
  return log_abs_det;
}

Judgement original_judgement(const Judgement& recentred, const model::Recentred& density) {
  Judgement j = recentred;
  const std::vector<double> log_abs_det = original_points(density, j.points);
  for (size_t s = 0; s < log_abs_det.size(); ++s) {
    j.log_density[s] -= log_abs_det[s];
    j.log_q[s] -= log_abs_det[s];
  }
  return j;
}

bool is_better(const Judgement& recentred, const Judgement& before) {
  constexpr double kWorthwhile = 0.05, kWorthwhileNats = 0.1;
  if (recentred.khat() < before.khat() - kWorthwhile) return true;
  const double error = std::hypot(recentred.elbo.error, before.elbo.error);
  return recentred.khat() < before.khat() + kWorthwhile &&
         recentred.elbo.value > before.elbo.value + std::max(kWorthwhileNats, 2 * error);
}

}  // namespace vinci::infer
