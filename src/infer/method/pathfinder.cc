#include "infer/method/pathfinder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Steps of the random key: attempts at a start count up from 0, the noise of ELBO estimates has its
// own.
constexpr uint32_t kElboStep = 1u << 30;
constexpr uint32_t kRerankStep = kElboStep + 1;

using Approximation = std::shared_ptr<const LowRankNormal>;

/// What one path knows of the curvature at its current point.  [Zhang et al. 2022, algorithm 3]
class InverseHessian {
 public:
  InverseHessian(Index dim, Index history) : alpha_(Vector::Ones(dim)), history_(history) {}

  /// s: step; z: decrease of the gradient along it.
  void update(const Vector& s, const Vector& z) {
    const double b = z.dot(s);
    // Pairs without positive, bounded curvature carry no approximation of an inverse Hessian.
    if (!(b > 0) || !(z.squaredNorm() <= 1e12 * b)) return;
    const double a = (z.array().square() * alpha_.array()).sum();
    const double c = (s.array().square() / alpha_.array()).sum();
    const Vector next = 1 / (a / (b * alpha_.array()) + z.array().square() / b -
                             a * s.array().square() / (b * c * alpha_.array().square()));
    if (next.allFinite() && next.minCoeff() > 0) alpha_ = next;
    s_.push_back(s);
    z_.push_back(z);
    if (static_cast<Index>(s_.size()) > history_) {
      s_.erase(s_.begin());
      z_.erase(z_.begin());
    }
  }

  /// N(x + Sigma g, Sigma), or null where Sigma is not numerically positive definite.
  Approximation normal_at(const Vector& x, const Vector& g) const {
    const Index dim = x.size();
    const auto j = static_cast<Index>(s_.size());
    const Vector root = alpha_.array().sqrt();
    Eigen::MatrixXd basis(dim, 0);
    Eigen::MatrixXd core(0, 0);
    if (j > 0) {
      Eigen::MatrixXd s(dim, j), z(dim, j);
      for (Index i = 0; i < j; ++i) {
        s.col(i) = s_[static_cast<size_t>(i)];
        z.col(i) = z_[static_cast<size_t>(i)];
      }
      const Eigen::MatrixXd e = (s.transpose() * z).triangularView<Eigen::Upper>();
      const Eigen::MatrixXd e_inverse =
          e.triangularView<Eigen::Upper>().solve(Eigen::MatrixXd::Identity(j, j));
      Eigen::MatrixXd middle = z.transpose() * alpha_.asDiagonal() * z;
      middle.diagonal() += e.diagonal();
      Eigen::MatrixXd gamma = Eigen::MatrixXd::Zero(2 * j, 2 * j);
      gamma.topRightCorner(j, j) = -e_inverse;
      gamma.bottomLeftCorner(j, j) = -e_inverse.transpose();
      gamma.bottomRightCorner(j, j) = e_inverse.transpose() * middle * e_inverse;
      Eigen::MatrixXd scaled(dim, 2 * j);  // diag(alpha)^{-1/2} beta
      scaled.leftCols(j) = root.asDiagonal() * z;
      scaled.rightCols(j) = root.cwiseInverse().asDiagonal() * s;
      const Index rank = std::min(dim, 2 * j);
      const Eigen::HouseholderQR<Eigen::MatrixXd> qr(scaled);
      basis = qr.householderQ() * Eigen::MatrixXd::Identity(dim, rank);
      const Eigen::MatrixXd r = qr.matrixQR().topRows(rank).triangularView<Eigen::Upper>();
      const Eigen::MatrixXd square =
          Eigen::MatrixXd::Identity(rank, rank) + r * gamma * r.transpose();
      const Eigen::LLT<Eigen::MatrixXd> llt(square);
      if (llt.info() != Eigen::Success || !square.allFinite()) return nullptr;
      core = llt.matrixL();
    }
    // Sigma g by the same factors that the draws will use.
    Vector scaled_gradient = root.cwiseProduct(g);
    if (core.rows() > 0) {
      const Vector projected = basis.transpose() * scaled_gradient;
      scaled_gradient += basis * (core * (core.transpose() * projected) - projected);
    }
    const Vector mean = x + root.cwiseProduct(scaled_gradient);
    if (!mean.allFinite() || !core.allFinite()) return nullptr;
    return std::make_shared<const LowRankNormal>(to_std(mean), to_std(alpha_),
                                                 to_std(Matrix(basis)), to_std(Matrix(core)));
  }

 private:
  Vector alpha_;
  Index history_;
  std::vector<Vector> s_, z_;
};

struct Candidate {
  size_t path;
  Approximation normal;
  double elbo = -kInfinity;
};

/// The mean of values; one that is not finite counts as far below the lowest finite one, so that
/// approximations that leave the support now and then can still be ranked. -inf where none is
/// finite.
double mean_with_penalty(const Eigen::Ref<const Vector>& values) {
  constexpr double kPenalty = 100;  // nats
  double lowest = kInfinity, total = 0;
  Index finite = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    ++finite;
    total += v;
    lowest = std::min(lowest, v);
  }
  if (finite == 0) return -kInfinity;
  const Index missing = values.size() - finite;
  return (total + static_cast<double>(missing) * (lowest - kPenalty)) /
         static_cast<double>(values.size());
}

/// The ELBO of each candidate from `draws` draws, all with the same noise.
void estimate_elbos(Objective& objective, std::vector<Candidate>& candidates, Index draws,
                    numeric::RandomKey key, uint32_t step) {
  if (candidates.empty()) return;
  const Index dim = objective.dim();
  Matrix noise(dim, draws);
  numeric::fill_normal(key, step, 0, dim, draws, noise.data(), draws);
  const double quadratic = 0.5 * noise.squaredNorm() / static_cast<double>(draws);
  const Index per_batch = std::max<Index>(1, 256 / draws);
  Matrix points;
  Vector values;
  for (size_t first = 0; first < candidates.size() && !objective.should_stop();
       first += static_cast<size_t>(per_batch)) {
    const size_t last = std::min(candidates.size(), first + static_cast<size_t>(per_batch));
    const Index lanes = static_cast<Index>(last - first) * draws;
    points.resize(dim, lanes);
    values.resize(lanes);
    for (size_t c = first; c < last; ++c) {
      const Index offset = static_cast<Index>(c - first) * draws;
      candidates[c].normal->reparameterise(lanes_of(noise),
                                           {points.data() + offset, dim, draws, lanes});
    }
    objective.evaluate(lanes_of(points), span_of(values));
    for (size_t c = first; c < last; ++c) {
      const Index offset = static_cast<Index>(c - first) * draws;
      // E[-log q] with this noise, in place of the closed form: both errors then cancel in part.
      const double entropy =
          candidates[c].normal->entropy() - 0.5 * static_cast<double>(dim) + quadratic;
      candidates[c].elbo = mean_with_penalty(values.segment(offset, draws)) + entropy;
    }
  }
}

/// Starts of finite density, uniform on a cube; columns that stay without one have it non-finite.
Matrix find_starts(Objective& objective, const PathfinderOptions& options, numeric::RandomKey key,
                   const std::vector<double>& start) {
  const Index dim = objective.dim();
  Matrix starts(dim, options.num_paths);
  numeric::fill_uniform(key, 0, 0, dim, options.num_paths, starts.data(), options.num_paths);
  starts.array() = options.init_radius * (2 * starts.array() - 1);
  // Every other start mirrors the one before it: modes that mirror each other are both met.
  for (Index c = 1; c < options.num_paths; c += 2) starts.col(c) = -starts.col(c - 1);
  if (!start.empty()) starts.col(0) = map_vector(start);
  std::vector<Index> open(static_cast<size_t>(options.num_paths));
  std::iota(open.begin(), open.end(), Index{0});
  Matrix trial, gradient, fresh(dim, options.num_paths);
  Vector values;
  for (Index attempt = 0; attempt < options.max_init_attempts && !objective.should_stop();
       ++attempt) {
    const auto count = static_cast<Index>(open.size());
    trial.resize(dim, count);
    gradient.resize(dim, count);
    values.resize(count);
    for (Index c = 0; c < count; ++c) trial.col(c) = starts.col(open[static_cast<size_t>(c)]);
    objective.evaluate(lanes_of(trial), span_of(values), mutable_lanes(gradient));
    std::vector<Index> still;
    for (Index c = 0; c < count; ++c) {
      if (!std::isfinite(values[c])) still.push_back(open[static_cast<size_t>(c)]);
    }
    open = std::move(still);
    if (open.empty()) break;
    // Smaller cubes about zero first of all lie within more supports; larger ones come back in
    // turn.
    const double radius =
        options.init_radius * std::pow(0.5, static_cast<double>((attempt + 1) % 6));
    numeric::fill_uniform(key, static_cast<uint32_t>(attempt + 1), 0, dim, options.num_paths,
                          fresh.data(), options.num_paths);
    for (const Index c : open) starts.col(c).array() = radius * (2 * fresh.col(c).array() - 1);
  }
  return starts;
}

std::vector<Candidate> candidates_of(const Path& path, size_t index, Index dim,
                                     const PathfinderOptions& options) {
  std::vector<Candidate> candidates;
  InverseHessian hessian(dim, options.lbfgs.history);
  const Index n = path.size();
  const auto point = [&](const std::vector<double>& v, Index i) {
    return Eigen::Map<const Vector>(v.data() + i * dim, dim);
  };
  Index next = 1;
  const Index wanted = std::min(options.max_elbo_points, n - 1);
  for (Index i = 1; i < n; ++i) {
    hessian.update(point(path.points, i) - point(path.points, i - 1),
                   point(path.gradients, i - 1) - point(path.gradients, i));
    // Point number ceil(next (n - 1) / wanted): the last one is always among them.
    if (i * wanted < next * (n - 1)) continue;
    ++next;
    Approximation normal = hessian.normal_at(point(path.points, i), point(path.gradients, i));
    if (normal) candidates.push_back({index, std::move(normal)});
  }
  if (n == 1) {
    // A start that is a maximum: no curvature was seen, the unit matrix stands in for it.
    Approximation normal = hessian.normal_at(point(path.points, 0), point(path.gradients, 0));
    if (normal) candidates.push_back({index, std::move(normal)});
  }
  return candidates;
}

}  // namespace

PathfinderResult pathfinder(Objective& objective, const PathfinderOptions& options,
                            numeric::RandomKey key, const std::vector<double>& start) {
  const Index dim = objective.dim();
  const Matrix starts = find_starts(objective, options, key, start);
  // Half of the time at most: paths without an estimate of their bounds are worth nothing.
  const double left = objective.seconds_left();
  if (std::isfinite(left)) objective.reserve(0.5 * std::max(0.0, left));
  const std::vector<Path> paths = lbfgs_ascend(objective, lanes_of(starts), options.lbfgs);
  objective.reserve(0);

  std::vector<Candidate> candidates;
  for (size_t p = 0; p < paths.size(); ++p) {
    if (paths[p].size() == 0 || (p > 0 && objective.seconds_left() < 0.25 * left)) continue;
    std::vector<Candidate> of_path = candidates_of(paths[p], p, dim, options);
    candidates.insert(candidates.end(), of_path.begin(), of_path.end());
  }
  estimate_elbos(objective, candidates, options.elbo_draws, key, kElboStep);
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return a.path != b.path ? a.path < b.path : a.elbo > b.elbo;
                   });
  std::vector<Candidate> finalists;
  Index rank = 0;
  for (size_t c = 0; c < candidates.size(); ++c) {
    rank = c > 0 && candidates[c].path == candidates[c - 1].path ? rank + 1 : 0;
    if (rank < options.rerank && candidates[c].elbo > -kInfinity)
      finalists.push_back(candidates[c]);
  }
  estimate_elbos(objective, finalists, options.rerank_draws, key, kRerankStep);

  PathfinderResult result;
  result.paths.resize(paths.size());
  for (size_t p = 0; p < paths.size(); ++p) {
    result.paths[p].num_points = paths[p].size();
    result.paths[p].elbo = -kInfinity;
    result.paths[p].highest_value = -kInfinity;
    if (paths[p].size() == 0) continue;
    const auto highest = std::max_element(paths[p].values.begin(), paths[p].values.end());
    const auto first = paths[p].points.begin() + (highest - paths[p].values.begin()) * dim;
    result.paths[p].highest_value = *highest;
    result.paths[p].end.assign(first, first + dim);
  }
  for (const Candidate& c : finalists) {
    PathfinderPath& path = result.paths[c.path];
    if (c.elbo > path.elbo) {
      path.elbo = c.elbo;
      path.approximation = c.normal;
    }
  }
  for (size_t p = 0; p < result.paths.size(); ++p) {
    if (!result.paths[p].approximation) {
      ++result.num_failed;
    } else if (result.best < 0 ||
               result.paths[p].elbo > result.paths[static_cast<size_t>(result.best)].elbo) {
      result.best = static_cast<Index>(p);
    }
  }
  return result;
}

}  // namespace vinci::infer
