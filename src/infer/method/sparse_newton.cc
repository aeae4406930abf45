#include "infer/method/sparse_newton.h"

#include <Eigen/SparseCholesky>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

using Sparse = Eigen::SparseMatrix<double>;  // columns, of the lower triangle
using Cholesky = Eigen::SimplicialLLT<Sparse, Eigen::Lower, Eigen::AMDOrdering<int>>;

using Neighbours = std::vector<std::vector<int32_t>>;

/// Vertices in `hub` get colours of their own; no two others of one colour have a common neighbour
/// outside of the hubs. Then (i, j) is the only entry of row i among the columns of j's colour, or
/// the other way round. Returns the number of colours.
Index colour_vertices(const Neighbours& neighbours, const std::vector<int32_t>& by_degree,
                      size_t num_hubs, std::vector<int32_t>& colour) {
  const size_t n = neighbours.size();
  std::vector<char> hub(n, 0);
  colour.assign(n, -1);
  for (size_t h = 0; h < num_hubs; ++h) {
    const auto v = static_cast<size_t>(by_degree[h]);
    hub[v] = 1;
    colour[v] = static_cast<int32_t>(h);
  }
  std::vector<int32_t> forbidden(n + 1, -1);  // by colour: the vertex it is forbidden to
  auto colours = static_cast<int32_t>(num_hubs);
  for (size_t k = num_hubs; k < n; ++k) {
    const int32_t v = by_degree[k];
    for (const int32_t w : neighbours[static_cast<size_t>(v)]) {
      if (hub[static_cast<size_t>(w)]) continue;
      if (colour[static_cast<size_t>(w)] >= 0) {
        forbidden[static_cast<size_t>(colour[static_cast<size_t>(w)])] = v;
      }
      for (const int32_t x : neighbours[static_cast<size_t>(w)]) {
        const int32_t c = colour[static_cast<size_t>(x)];
        if (c >= 0 && x != v) forbidden[static_cast<size_t>(c)] = v;
      }
    }
    auto c = static_cast<int32_t>(num_hubs);
    while (forbidden[static_cast<size_t>(c)] == v) ++c;
    colour[static_cast<size_t>(v)] = c;
    colours = std::max(colours, c + 1);
  }
  return colours;
}

Sparse pattern_matrix(Index dim, const CoordinatePairs& pairs) {
  std::vector<Eigen::Triplet<double>> entries;
  entries.reserve(pairs.size() + static_cast<size_t>(dim));
  for (Index d = 0; d < dim; ++d) {
    entries.emplace_back(static_cast<int>(d), static_cast<int>(d), static_cast<double>(dim));
  }
  for (const auto& [i, j] : pairs) entries.emplace_back(i, j, 1e-3);
  Sparse m(dim, dim);
  m.setFromTriplets(entries.begin(), entries.end());
  return m;
}

std::shared_ptr<const SparsePrecisionNormal> make_normal(const Vector& mean,
                                                         const Cholesky& cholesky) {
  const auto dim = static_cast<size_t>(mean.size());
  const Sparse t = cholesky.matrixL();
  SparseLower factor;
  factor.column_start.assign(t.outerIndexPtr(), t.outerIndexPtr() + dim + 1);
  factor.row.assign(t.innerIndexPtr(), t.innerIndexPtr() + t.nonZeros());
  factor.value.assign(t.valuePtr(), t.valuePtr() + t.nonZeros());
  // permutationP maps coordinate d to row indices()[d].
  std::vector<int32_t> order(dim);
  const auto& p = cholesky.permutationP().indices();
  for (size_t d = 0; d < dim; ++d) {
    order[static_cast<size_t>(p[static_cast<Index>(d)])] = static_cast<int32_t>(d);
  }
  return std::make_shared<SparsePrecisionNormal>(to_std(mean), std::move(order), std::move(factor));
}

/// Mean gradient and negative mean Hessian of one half of a batch.
struct HalfBatch {
  Vector gradient;
  Sparse curvature;
  double count = 0;
};

class Newton {
 public:
  Newton(Objective& objective, const SparsePlan& plan, const SparseNewtonOptions& options,
         numeric::RandomKey key)
      : objective_(objective),
        plan_(plan),
        options_(options),
        key_(key),
        dim_(plan.dim),
        pairs_(std::max<Index>(2, (options.batch + 3) / 4 * 2)),
        hub_rank_(colour_sizes()) {
    pattern_ = pattern_matrix(dim_, plan.pairs);
    cholesky_.analyzePattern(pattern_);
  }

  SparseNewtonResult run(const std::vector<double>& mean, const std::vector<double>& sd) {
    SparseNewtonResult result;
    mean_ = map_vector(mean);
    omega_ = pattern_;
    std::fill_n(omega_.valuePtr(), omega_.nonZeros(), 0.0);
    for (Index d = 0; d < dim_; ++d) {
      const double s = sd[static_cast<size_t>(d)];
      omega_.coeffRef(d, d) = 1 / (s * s);
    }
    cholesky_.factorize(omega_);
    if (cholesky_.info() != Eigen::Success || !mean_.allFinite()) return result;
    normal_ = make_normal(mean_, cholesky_);
    narrow();
    for (Index t = 0; t < options_.max_iterations && !objective_.should_stop(); ++t) {
      if (!look(t)) break;
      result.iterations = t + 1;
      estimate_gap(t);
      update_convergence(result);
      if (result.converged) break;
      step();
    }
    result.normal = result.iterations > 0 ? normal_ : nullptr;
    result.elbo = elbo_;
    return result;
  }

 private:
  /// How many coordinates have each colour: an entry is read off the column of the rarer colour,
  /// which for a hub is its own.
  std::vector<Index> colour_sizes() const {
    std::vector<Index> sizes(static_cast<size_t>(plan_.num_colours), 0);
    for (const int32_t c : plan_.colour) ++sizes[static_cast<size_t>(c)];
    return sizes;
  }

  /// Halves the width of the start while that raises the bound: deviations read off a low-rank fit
  /// can be far too wide without its correlations.
  void narrow() {
    constexpr int kMaxHalvings = 24;
    noise_.resize(dim_, pairs_);
    numeric::fill_normal({key_.seed ^ 1, key_.stream}, 0, 0, dim_, pairs_, noise_.data(), pairs_);
    double best = -std::numeric_limits<double>::infinity();
    Sparse best_omega = omega_;
    for (int k = 0; k <= kMaxHalvings && !objective_.should_stop(); ++k) {
      const Matrix z = place(*normal_, mean_);
      Vector values(2 * pairs_);
      objective_.evaluate(lanes_of(z), span_of(values));
      const double elbo = values.mean() + normal_->entropy();  // -inf if any draw has no density
      if (elbo > best) {
        best = elbo;
        best_omega = omega_;
      } else if (std::isfinite(best)) {
        break;
      }
      omega_ *= 4;
      cholesky_.factorize(omega_);
      normal_ = make_normal(mean_, cholesky_);
    }
    omega_ = best_omega;
    cholesky_.factorize(omega_);
    normal_ = make_normal(mean_, cholesky_);
  }

  /// Draws a batch; its values, gradients and Hessians on the pattern. False: no draw was finite.
  bool look(Index t) {
    const Index lanes = 2 * pairs_;
    Matrix g(dim_, lanes), directions(dim_, lanes), products(dim_, lanes);
    noise_.resize(dim_, pairs_);
    numeric::fill_normal(key_, static_cast<uint32_t>(t), 0, dim_, pairs_, noise_.data(), pairs_);
    const Matrix z = place(*normal_, mean_);
    values_.resize(lanes);
    objective_.evaluate(lanes_of(z), span_of(values_), mutable_lanes(g));
    Vector use(lanes);
    double total = 0, finite = 0;
    for (Index l = 0; l < pairs_; ++l) {
      // A pair counts whole or not at all, so that its odd parts cancel.
      const bool both = std::isfinite(values_[l]) && std::isfinite(values_[pairs_ + l]);
      use[l] = use[pairs_ + l] = both ? 1 : 0;
      if (both) {
        total += values_[l] + values_[pairs_ + l];
        finite += 2;
      }
    }
    if (finite == 0) return false;
    double spread = 0;
    for (Index l = 0; l < pairs_; ++l) {
      if (use[l] != 0)
        spread += std::pow(0.5 * (values_[l] + values_[pairs_ + l]) - total / finite, 2);
    }
    const double error = 2 * std::sqrt(spread) / finite;  // of the mean over pairs
    const double elbo = total / finite + normal_->entropy();
    if (!(elbo - elbo_ > 2 * std::hypot(error, elbo_error_))) ++plateau_;
    elbo_ = elbo;
    elbo_error_ = error;
    for (size_t h = 0; h < 2; ++h) {
      half_[h].curvature = pattern_;
      std::fill_n(half_[h].curvature.valuePtr(), pattern_.nonZeros(), 0.0);
      half_[h].gradient = Vector::Zero(dim_);
      half_[h].count = 0;
    }
    for (Index l = 0; l < lanes; ++l) {
      if (use[l] == 0) continue;
      HalfBatch& half = half_[half_of(l)];
      half.gradient += g.col(l);
      half.count += 1;
    }
    for (int32_t c = 0; c < plan_.num_colours; ++c) {
      directions.setZero();
      for (Index d = 0; d < dim_; ++d) {
        if (plan_.colour[static_cast<size_t>(d)] == c) directions.row(d).setOnes();
      }
      objective_.hessian_vector(lanes_of(z), lanes_of(directions), mutable_lanes(products));
      collect(c, products, use);
    }
    for (HalfBatch& half : half_) {
      if (half.count == 0) continue;
      half.gradient /= half.count;
      half.curvature *= -1 / half.count;
    }
    return true;
  }
  /// The batch's antithetic noise under a normal about `mean`.
  Matrix place(const SparsePrecisionNormal& normal, const Vector& mean) const {
    Matrix spread(dim_, pairs_), z(dim_, 2 * pairs_);
    normal.unwhiten(lanes_of(noise_), mutable_lanes(spread));
    z.leftCols(pairs_) = spread.colwise() + mean;
    z.rightCols(pairs_) = (-spread).colwise() + mean;
    return z;
  }
  size_t half_of(Index lane) const { return lane % pairs_ < pairs_ / 2 ? 0 : 1; }

  /// Adds the entries that the products along colour c tell.
  void collect(int32_t c, const Matrix& products, const Vector& use) {
    Matrix sums(dim_, 2);
    sums.setZero();
    for (Index l = 0; l < products.cols(); ++l) {
      if (use[l] != 0) sums.col(static_cast<Index>(half_of(l))) += products.col(l);
    }
    for (Index j = 0; j < dim_; ++j) {
      const int32_t cj = plan_.colour[static_cast<size_t>(j)];
      for (size_t h = 0; h < 2; ++h) {
        double* value = half_[h].curvature.valuePtr();
        for (int e = pattern_.outerIndexPtr()[j]; e < pattern_.outerIndexPtr()[j + 1]; ++e) {
          const int i = pattern_.innerIndexPtr()[e];
          const int32_t ci = plan_.colour[static_cast<size_t>(i)];
          // Read from the column of the rarer colour; of equal ones, of j.
          const bool from_j =
              hub_rank_[static_cast<size_t>(cj)] <= hub_rank_[static_cast<size_t>(ci)];
          if ((from_j ? cj : ci) == c) value[e] += sums(from_j ? i : j, static_cast<Index>(h));
        }
      }
    }
  }

  void estimate_gap(Index t) {
    if (half_[0].count == 0 || half_[1].count == 0) return;
    Matrix gradients(dim_, 2), white(dim_, 2);
    gradients.col(0) = half_[0].gradient;
    gradients.col(1) = half_[1].gradient;
    normal_->whiten_gradient(lanes_of(gradients), mutable_lanes(white));
    double gap = 0.5 * white.col(0).dot(white.col(1));
    constexpr Index kProbes = 8;
    Matrix probe(dim_, kProbes), pulled(dim_, kProbes), w[2];
    numeric::fill_normal({key_.seed, ~key_.stream}, static_cast<uint32_t>(t), 0, dim_, kProbes,
                         probe.data(), kProbes);
    normal_->unwhiten(lanes_of(probe), mutable_lanes(pulled));
    for (size_t h = 0; h < 2; ++h) {
      const Sparse difference = half_[h].curvature - omega_;
      const Matrix moved = difference.selfadjointView<Eigen::Lower>() * pulled;
      w[h].resize(dim_, kProbes);
      normal_->whiten_gradient(lanes_of(moved), mutable_lanes(w[h]));
    }
    gap += 0.25 * w[0].cwiseProduct(w[1]).sum() / kProbes;
    gaps_.push_back(gap);
  }

  void update_convergence(SparseNewtonResult& result) const {
    constexpr size_t kWindow = 4;
    if (gaps_.size() < kWindow) return;
    double sum = 0, squares = 0;
    for (size_t k = gaps_.size() - kWindow; k < gaps_.size(); ++k) {
      sum += gaps_[k];
      squares += gaps_[k] * gaps_[k];
    }
    const double mean = sum / kWindow;
    result.gap = std::max(0.0, mean);
    result.gap_error = std::sqrt(std::max(0.0, squares / kWindow - mean * mean) / (kWindow - 1));
    result.converged = mean + 2 * result.gap_error < options_.gap_tolerance;
  }

  void step() {
    const double eta = 1 / (1 + static_cast<double>(plateau_) / 3);
    const double n = half_[0].count + half_[1].count;
    const Sparse seen =
        (half_[0].count / n) * half_[0].curvature + (half_[1].count / n) * half_[1].curvature;
    const Vector gradient =
        (half_[0].count / n) * half_[0].gradient + (half_[1].count / n) * half_[1].gradient;
    constexpr int kAttempts = 12;
    double part = eta;
    for (int attempt = 0; attempt < kAttempts; ++attempt, part *= 0.5) {
      const Sparse next = (1 - part) * omega_ + part * seen;
      cholesky_.factorize(next);
      if (cholesky_.info() != Eigen::Success || !positive_diagonal()) continue;
      const Vector mean = mean_ + part * cholesky_.solve(gradient);
      if (!mean.allFinite()) continue;
      const auto normal = make_normal(mean, cholesky_);
      if (!rises(*normal, mean)) continue;
      omega_ = next;
      mean_ = mean;
      normal_ = normal;
      return;
    }
    // No step along this direction helps: q reaches into places that tell it nothing. Draw it
    // together about its mean.
    constexpr double kContraction = 4;
    omega_ *= kContraction;
    cholesky_.factorize(omega_);
    normal_ = make_normal(mean_, cholesky_);
  }
  /// Whether the bound at the batch's noise is higher than before, up to twice its standard error.
  bool rises(const SparsePrecisionNormal& normal, const Vector& mean) {
    const Matrix z = place(normal, mean);
    Vector values(2 * pairs_);
    objective_.evaluate(lanes_of(z), span_of(values));
    double n = 0, centre = 0, squares = 0;
    for (Index l = 0; l < pairs_; ++l) {
      const double before = values_[l] + values_[pairs_ + l];
      const double after = values[l] + values[pairs_ + l];
      if (!std::isfinite(before)) continue;
      if (!std::isfinite(after)) return false;
      n += 1;
      const double d = 0.5 * (after - before) - centre;
      centre += d / n;
      squares += d * (0.5 * (after - before) - centre);
    }
    const double error = n > 1 ? std::sqrt(squares / (n - 1) / n) : 0;
    const double change = centre + normal.entropy() - normal_->entropy();
    // One draw far out makes both the change and its error huge: then it is no excuse.
    const double allowance = std::min(2 * error, 0.1 * std::sqrt(static_cast<double>(dim_)));
    return change > -allowance - 1e-9 * (1 + std::abs(centre));
  }
  bool positive_diagonal() const {
    const Vector diagonal = Sparse(cholesky_.matrixL()).diagonal();
    return diagonal.allFinite() && diagonal.minCoeff() > 0;
  }

  Objective& objective_;
  const SparsePlan& plan_;
  const SparseNewtonOptions& options_;
  numeric::RandomKey key_;
  Index dim_;
  Index pairs_;  // even
  std::vector<Index> hub_rank_;
  Sparse pattern_;
  Sparse omega_;
  Cholesky cholesky_;
  Vector mean_;
  std::shared_ptr<const SparsePrecisionNormal> normal_;
  Matrix noise_;  // of the present batch, and the values there
  Vector values_;
  HalfBatch half_[2];
  std::vector<double> gaps_;
  double elbo_ = -std::numeric_limits<double>::infinity();
  double elbo_error_ = 0;
  Index plateau_ = 0;  // iterations whose bound was not above the one before
};

}  // namespace

SparsePlan plan_sparse(Index dim, CoordinatePairs pairs) {
  SparsePlan plan;
  plan.dim = dim;
  plan.pairs = std::move(pairs);
  Neighbours neighbours(static_cast<size_t>(dim));
  for (const auto& [i, j] : plan.pairs) {
    neighbours[static_cast<size_t>(i)].push_back(j);
    neighbours[static_cast<size_t>(j)].push_back(i);
  }
  std::vector<int32_t> by_degree(static_cast<size_t>(dim));
  std::iota(by_degree.begin(), by_degree.end(), 0);
  std::stable_sort(by_degree.begin(), by_degree.end(), [&](int32_t a, int32_t b) {
    return neighbours[static_cast<size_t>(a)].size() > neighbours[static_cast<size_t>(b)].size();
  });
  // Hubs are the coordinates of more than some degree; which degree is tried out.
  plan.num_colours = dim + 1;
  size_t last = static_cast<size_t>(dim) + 1;
  for (const size_t degree : {size_t{4}, size_t{8}, size_t{16}, size_t{32}, size_t{64}, size_t{256},
                              static_cast<size_t>(dim)}) {
    size_t hubs = 0;
    while (hubs < by_degree.size() &&
           neighbours[static_cast<size_t>(by_degree[hubs])].size() > degree) {
      ++hubs;
    }
    if (hubs == last || static_cast<Index>(hubs) >= plan.num_colours) continue;
    last = hubs;
    // The work of colouring: paths of length two outside of the hubs.
    double work = 0;
    for (size_t k = hubs; k < by_degree.size(); ++k) {
      const auto d = static_cast<double>(neighbours[static_cast<size_t>(by_degree[k])].size());
      work += d * d;
    }
    if (work > 2e8) continue;
    std::vector<int32_t> colour;
    const Index colours = colour_vertices(neighbours, by_degree, hubs, colour);
    if (colours < plan.num_colours) {
      plan.num_colours = colours;
      plan.colour = std::move(colour);
    }
  }
  if (plan.colour.empty()) {  // every coordinate on its own
    plan.num_colours = dim;
    plan.colour.resize(static_cast<size_t>(dim));
    std::iota(plan.colour.begin(), plan.colour.end(), 0);
  }
  Cholesky cholesky;
  cholesky.analyzePattern(pattern_matrix(dim, plan.pairs));
  cholesky.factorize(pattern_matrix(dim, plan.pairs));
  plan.factor_entries = Sparse(cholesky.matrixL()).nonZeros();
  return plan;
}

size_t max_pairs_of_plan(Index dim) {
  constexpr Index kMaxPairsPerRow = 40;
  return static_cast<size_t>(kMaxPairsPerRow * dim);
}

std::optional<SparsePlan> plan_where_it_pays(const Objective& objective) {
  constexpr Index kMinDim = 150;  // below, a dense covariance is cheap
  constexpr Index kMaxColours = 60;
  const Index dim = objective.dim();
  if (dim < kMinDim) return {};
  auto pairs = objective.hessian_pattern(max_pairs_of_plan(dim));
  if (!pairs) return {};
  SparsePlan plan = plan_sparse(dim, std::move(*pairs));
  if (plan.num_colours > kMaxColours || plan.factor_entries >= dim * dim / 4) return {};
  return plan;
}

SparseNewtonResult sparse_newton(Objective& objective, const SparsePlan& plan,
                                 const std::vector<double>& mean, const std::vector<double>& sd,
                                 const SparseNewtonOptions& options, numeric::RandomKey key) {
  return Newton(objective, plan, options, key).run(mean, sd);
}

}  // namespace vinci::infer
