#include "infer/method/adaptive_mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "infer/dense.h"
#include "numeric/random/random_stream.h"

namespace vinci::infer {
namespace {

FullRankNormal scaled(const FullRankNormal& q, double scale) {
  std::vector<double> factor = q.factor();
  for (double& x : factor) x *= scale;
  return {q.mean(), std::move(factor)};
}

double widening(Index dim, double a) { return 1 + a / std::sqrt(2 * static_cast<double>(dim)); }

struct Component {
  double weight;
  Vector mean;
  Matrix factor;
};

/// The normals that adapt, and the weighted draws they adapt to.
class Population {
 public:
  Population(const FullRankNormal& base, const AdaptiveMixtureOptions& options)
      : base_(base),
        options_(options),
        dim_(base.dim()),
        base_factor_(map_square(base.factor(), dim_)),
        base_covariance_(base_factor_ * base_factor_.transpose()) {}

  /// Draws and normalised weights, those of no weight left out.
  void learn_from(const Judgement& j) {
    std::vector<Index> kept;
    for (Index s = 0; s < j.count; ++s) {
      if (j.psis.weights[static_cast<size_t>(s)] > 0) kept.push_back(s);
    }
    points_.resize(dim_, static_cast<Index>(kept.size()));
    weights_.resize(points_.cols());
    for (Index c = 0; c < points_.cols(); ++c) {
      const Index s = kept[static_cast<size_t>(c)];
      points_.col(c) = Eigen::Map<const Vector>(j.points.data() + s * dim_, dim_);
      weights_[c] = j.psis.weights[static_cast<size_t>(s)];
    }
  }

  /// Centres far apart: each next one drawn in proportion to its weight times its squared distance
  /// from the nearest centre so far.  [Arthur and Vassilvitskii 2007]
  void seed_components(numeric::RandomStream& random) {
    Matrix white = points_.colwise() - map_vector(base_.mean());
    base_factor_.triangularView<Eigen::Lower>().solveInPlace(white);
    Vector nearest = Vector::Constant(points_.cols(), std::numeric_limits<double>::infinity());
    Vector chance = weights_;
    components_.clear();
    for (Index k = 0; k < options_.components; ++k) {
      const int64_t c = random.categorical(span_of(std::as_const(chance)));
      if (c < 0) break;  // fewer distinct draws than components
      nearest =
          nearest.cwiseMin((white.colwise() - white.col(c)).colwise().squaredNorm().transpose());
      chance = weights_.cwiseProduct(nearest);
      components_.push_back({1, points_.col(c), 0.7 * base_factor_});
    }
    for (Component& c : components_) c.weight = 1 / static_cast<double>(components_.size());
  }

  void maximise() {
    const Index n = points_.cols();
    const auto count = static_cast<Index>(components_.size());
    Matrix log_density(count, n);
    for (Index k = 0; k < count; ++k) {
      const Component& c = components_[static_cast<size_t>(k)];
      Matrix white = points_.colwise() - c.mean;
      c.factor.triangularView<Eigen::Lower>().solveInPlace(white);
      log_density.row(k) = -0.5 * white.colwise().squaredNorm();
      log_density.row(k).array() += std::log(c.weight) - c.factor.diagonal().array().log().sum();
    }
    const Eigen::RowVectorXd top = log_density.colwise().maxCoeff();
    Matrix share = (log_density.rowwise() - top).array().exp();
    const Eigen::RowVectorXd scale = weights_.transpose().cwiseQuotient(share.colwise().sum());
    share.array().rowwise() *= scale.array();
    const double effective = 1 / weights_.squaredNorm();
    const double pseudo = static_cast<double>(dim_ + 2);
    std::vector<Component> next;
    for (Index k = 0; k < count; ++k) {
      const double mass = share.row(k).sum();
      // A component that stands for less than one effective draw has nothing to learn from.
      if (!(mass * effective > 1)) continue;
      Component c{mass, points_ * share.row(k).transpose() / mass, {}};
      const Matrix centred = points_.colwise() - c.mean;
      const Matrix weighted = centred.array().rowwise() * share.row(k).array();
      // The draws that speak for this component, as if they were that many of equal weight.
      const double draws = mass * mass / share.row(k).squaredNorm();
      const Matrix covariance =
          (draws * (weighted * centred.transpose()) / mass + 0.25 * pseudo * base_covariance_) /
          (draws + pseudo);
      const Eigen::LLT<Matrix> llt(covariance);
      if (llt.info() != Eigen::Success || !covariance.allFinite()) continue;
      c.factor = llt.matrixL();
      next.push_back(std::move(c));
    }
    if (next.empty()) return;
    double total = 0;
    for (const Component& c : next) total += c.weight;
    for (Component& c : next) c.weight /= total;
    components_ = std::move(next);
  }

  std::shared_ptr<const Mixture> mixture() const {
    std::vector<NormalPtr> parts;
    std::vector<double> weights;
    // Every component brings a wider copy for its tails.
    const double tail = 0.15 * (1 - options_.defensive_share);
    for (const Component& c : components_) {
      FullRankNormal q(to_std(c.mean), to_std(c.factor));
      parts.push_back(std::make_shared<FullRankNormal>(scaled(q, widening(dim_, 3))));
      weights.push_back(c.weight * tail);
      parts.push_back(std::make_shared<FullRankNormal>(std::move(q)));
      weights.push_back(c.weight * (1 - options_.defensive_share - tail));
    }
    parts.push_back(std::make_shared<FullRankNormal>(base_));
    weights.push_back(options_.defensive_share / 2);
    parts.push_back(std::make_shared<FullRankNormal>(scaled(base_, widening(dim_, 3))));
    weights.push_back(options_.defensive_share / 2);
    return std::make_shared<Mixture>(std::move(parts), std::move(weights));
  }

 private:
  const FullRankNormal& base_;
  const AdaptiveMixtureOptions& options_;
  Index dim_;
  Matrix base_factor_;
  Matrix base_covariance_;
  Matrix points_;  // [D][draws]
  Vector weights_;
  std::vector<Component> components_;
};

}  // namespace

std::shared_ptr<const Mixture> widen(const std::vector<FullRankNormal>& base,
                                     const std::vector<double>& weights, double share) {
  std::vector<NormalPtr> parts;
  std::vector<double> all;
  for (size_t k = 0; k < base.size(); ++k) {
    parts.push_back(std::make_shared<FullRankNormal>(base[k]));
    all.push_back((1 - share) * weights[k]);
    const Index dim = base[k].dim();
    parts.push_back(std::make_shared<FullRankNormal>(scaled(base[k], widening(dim, 1.5))));
    all.push_back(2 * share / 3 * weights[k]);
    parts.push_back(std::make_shared<FullRankNormal>(scaled(base[k], widening(dim, 4))));
    all.push_back(share / 3 * weights[k]);
  }
  return std::make_shared<Mixture>(std::move(parts), std::move(all));
}

AdaptiveMixtureResult adapt_mixture(Objective& objective, const FullRankNormal& base,
                                    const Judgement& start, const AdaptiveMixtureOptions& options,
                                    uint64_t seed, uint32_t first_stream) {
  AdaptiveMixtureResult result;
  result.khat = start.khat();
  if (start.psis.weights.empty()) return result;
  Population population(base, options);
  population.learn_from(start);
  numeric::RandomStream random(seed, first_stream);
  population.seed_components(random);
  for (Index round = 0; round < options.rounds && !objective.should_stop(); ++round) {
    for (Index i = 0; i < options.em_steps; ++i) population.maximise();
    const std::shared_ptr<const Mixture> mixture = population.mixture();
    const uint32_t stream = first_stream + 1 + static_cast<uint32_t>(round);
    const Judgement j =
        judge_family(objective, *mixture, options.draws, options.draws, {seed, stream});
    if (j.psis.weights.empty()) break;
    if (j.khat() < result.khat) {
      result.khat = j.khat();
      result.mixture = mixture;
    }
    if (result.khat <= options.khat_goal) break;
    population.learn_from(j);
  }
  return result;
}

}  // namespace vinci::infer
