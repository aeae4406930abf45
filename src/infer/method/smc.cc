#include "infer/method/smc.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "diagnose/psis.h"
#include "infer/dense.h"
#include "numeric/random/random_stream.h"

namespace vinci::infer {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Index kMaxDenseDim = 200;

/// sum_k w_k N(m_k, s_l^2 C_k C_k') with its gradient; lane l has its own scale s_l.
class Base {
 public:
  Base(const std::vector<FullRankNormal>& normals, const std::vector<double>& weights,
       Eigen::RowVectorXd scale)
      : scale_(std::move(scale)) {
    double total = 0;
    for (const double w : weights) total += w;
    for (size_t k = 0; k < normals.size(); ++k) {
      const Index dim = normals[k].dim();
      Part part{map_vector(normals[k].mean()), map_square(normals[k].factor(), dim), 0};
      part.constant = std::log(weights[k] / total) - part.factor.diagonal().array().log().sum() -
                      0.5 * static_cast<double>(dim) * std::log(2 * M_PI);
      parts_.push_back(std::move(part));
      weights_.push_back(weights[k] / total);
    }
  }

  void draw(uint64_t seed, uint32_t stream, Matrix& points) const {
    numeric::fill_normal({seed, stream}, 0, 0, points.rows(), points.cols(), points.data(),
                         points.cols());
    for (Index l = 0; l < points.cols(); ++l) {
      numeric::RandomStream choice(seed, stream, static_cast<uint32_t>(l));
      const size_t k = parts_.size() == 1 ? 0 : static_cast<size_t>(choice.categorical(weights_));
      const Part& part = parts_[k];
      const Vector spread = part.factor.triangularView<Eigen::Lower>() * points.col(l);
      points.col(l) = part.mean + scale_[l] * spread;
    }
  }

  /// log density [N] and gradient [D][N].
  void evaluate(const Matrix& points, Vector& value, Matrix& gradient) const {
    const Index n = points.cols();
    std::vector<Matrix> pulls(parts_.size());
    Matrix logs(static_cast<Index>(parts_.size()), n);
    for (size_t k = 0; k < parts_.size(); ++k) {
      const Part& part = parts_[k];
      Matrix& u = pulls[k];
      u = points.colwise() - part.mean;
      part.factor.triangularView<Eigen::Lower>().solveInPlace(u);
      u.array().rowwise() /= scale_.array();
      logs.row(static_cast<Index>(k)) =
          (part.constant - 0.5 * u.colwise().squaredNorm().array()).matrix();
      part.factor.transpose().triangularView<Eigen::Upper>().solveInPlace(u);
      u.array().rowwise() /= scale_.array();
    }
    const auto dim = static_cast<double>(points.rows());
    const Eigen::RowVectorXd top = logs.colwise().maxCoeff();
    const Matrix shares = (logs.rowwise() - top).array().exp();
    const Eigen::RowVectorXd sums = shares.colwise().sum();
    value = (top.array() + sums.array().log() - dim * scale_.array().log()).transpose();
    gradient.setZero(points.rows(), n);
    for (size_t k = 0; k < parts_.size(); ++k) {
      gradient.array() -=
          pulls[k].array().rowwise() * (shares.row(static_cast<Index>(k)).array() / sums.array());
    }
  }

 private:
  struct Part {
    Vector mean;
    Matrix factor;
    double constant;
  };
  std::vector<Part> parts_;
  std::vector<double> weights_;
  Eigen::RowVectorXd scale_;
};

Eigen::RowVectorXd island_scales(const SmcOptions& o) {
  Eigen::RowVectorXd scale(o.islands * o.particles);
  for (Index i = 0; i < o.islands; ++i) {
    const double share =
        o.islands > 1 ? static_cast<double>(i) / static_cast<double>(o.islands - 1) : 0;
    scale.segment(i * o.particles, o.particles)
        .setConstant(o.least_scale * std::pow(o.largest_scale / o.least_scale, share));
  }
  return scale;
}

double log_mean_exp(std::span<const double> x) {
  double top = -kInfinity, sum = 0;
  for (const double v : x) top = std::max(top, v);
  if (!(top > -kInfinity)) return -kInfinity;
  for (const double v : x) sum += std::exp(v - top);
  return top + std::log(sum / static_cast<double>(x.size()));
}

/// Points with both log densities and the gradients of both.
struct State {
  Matrix points, gradient_p, gradient_q;
  Vector log_p, log_q;

  void resize(Index dim, Index n) {
    points.resize(dim, n);
    gradient_p.resize(dim, n);
    gradient_q.resize(dim, n);
    log_p.resize(n);
    log_q.resize(n);
  }
  void copy_lane(Index to, const State& other, Index from) {
    points.col(to) = other.points.col(from);
    gradient_p.col(to) = other.gradient_p.col(from);
    gradient_q.col(to) = other.gradient_q.col(from);
    log_p[to] = other.log_p[from];
    log_q[to] = other.log_q[from];
  }
};

class Sampler {
 public:
  Sampler(Objective& objective, const std::vector<FullRankNormal>& normals,
          const std::vector<double>& weights, const SmcOptions& options, uint64_t seed,
          uint32_t stream)
      : objective_(objective),
        base_(normals, weights, island_scales(options)),
        options_(options),
        dim_(objective.dim()),
        count_(options.islands * options.particles),
        seed_(seed),
        stream_(stream),
        step_(0.7 / std::pow(static_cast<double>(dim_), 0.25)) {}

  SmcResult run(const SmcProgress& progress) {
    SmcResult result;
    now_.resize(dim_, count_);
    base_.draw(seed_, stream_, now_.points);
    evaluate(now_, 0);
    log_evidence_.assign(static_cast<size_t>(options_.islands), 0.0);
    double beta = 0;
    while (beta < 1 && result.temperatures < options_.max_temperatures) {
      if (objective_.should_stop()) return result;
      const double next = next_temperature(beta);
      if (!reweight(next - beta)) return result;
      beta = next;
      ++result.temperatures;
      find_whitening();
      move(beta, beta < 1 ? options_.max_moves : options_.final_moves);
      if (objective_.should_stop()) return result;
      if (progress) progress(beta, log_mean_exp(log_evidence_));
    }
    result.completed = beta >= 1;
    if (!result.completed) return result;
    result.acceptance = acceptance_;
    result.autocorrelation = autocorrelation_;
    compare_islands(result);
    hand_out(result);
    return result;
  }

 private:
  /// In parts, so that a density that is costly far out cannot overrun the budget by much. What is
  /// left out once the objective says to stop has density zero; the run ends there.
  void evaluate(State& s, double beta) {
    constexpr Index kPart = 256;
    s.log_p.setConstant(-kInfinity);
    s.gradient_p.setZero();
    for (Index first = 0; first < count_ && !objective_.should_stop(); first += kPart) {
      const Index width = std::min(kPart, count_ - first);
      const Index stride = s.points.cols();
      objective_.evaluate(
          {s.points.data() + first, dim_, width, stride},
          span_of(s.log_p).subspan(static_cast<size_t>(first), static_cast<size_t>(width)),
          {s.gradient_p.data() + first, dim_, width, stride});
    }
    if (beta < 1) base_.evaluate(s.points, s.log_q, s.gradient_q);
  }

  /// The increment of beta at which the effective share of particles falls to what was asked.
  double next_temperature(double beta) const {
    const auto share = [&](double step) {  // mean over populations
      double total = 0;
      const Index n = options_.particles;
      for (Index first = 0; first < count_; first += n) {
        double top = -kInfinity;
        for (Index l = first; l < first + n; ++l) top = std::max(top, step * ratio(l));
        double sum = 0, squares = 0;
        for (Index l = first; l < first + n && top > -kInfinity; ++l) {
          const double w = std::exp(step * ratio(l) - top);
          sum += w;
          squares += w * w;
        }
        if (squares > 0) total += sum * sum / squares;
      }
      return total / static_cast<double>(count_);
    };
    if (share(1 - beta) >= options_.ess_share) return 1;
    double low = 0, high = 1 - beta;
    for (int i = 0; i < 60; ++i) {
      const double middle = 0.5 * (low + high);
      (share(middle) >= options_.ess_share ? low : high) = middle;
    }
    // Particles outside of the support can make every step lose that many: go on all the same.
    return beta + std::max(low, 1e-6);
  }
  double ratio(Index l) const {
    return now_.log_p[l] > -kInfinity ? now_.log_p[l] - now_.log_q[l] : -kInfinity;
  }

  /// Weighs by ratio^step and resamples each population within itself. False: one died out.
  bool reweight(double step) {
    const Index n = options_.particles;
    State old = now_;
    std::vector<double> logs(static_cast<size_t>(n)), w(static_cast<size_t>(n));
    ++round_;
    for (Index i = 0; i < options_.islands; ++i) {
      for (Index l = 0; l < n; ++l) logs[static_cast<size_t>(l)] = step * ratio(i * n + l);
      const double mean = log_mean_exp(logs);
      if (!(mean > -kInfinity)) return false;
      log_evidence_[static_cast<size_t>(i)] += mean;
      for (size_t l = 0; l < w.size(); ++l) {
        w[l] = std::exp(logs[l] - mean) / static_cast<double>(n);
      }
      numeric::RandomStream random(seed_, stream_ + 1,
                                   static_cast<uint32_t>(round_ * options_.islands + i));
      const auto chosen = diagnose::systematic_resample(w, n, random.uniform());
      for (Index l = 0; l < n; ++l) {
        now_.copy_lane(i * n + l, old, i * n + chosen[static_cast<size_t>(l)]);
      }
    }
    return true;
  }

  /// Coordinates x = mean + A v in which the particles have about unit covariance.
  void find_whitening() {
    const Vector mean = now_.points.rowwise().mean();
    const Matrix centred = now_.points.colwise() - mean;
    const Vector variance =
        (centred.rowwise().squaredNorm() / static_cast<double>(count_)).cwiseMax(1e-300);
    dense_ = dim_ <= kMaxDenseDim;
    if (dense_) {
      // Shrunk towards the diagonal by as many pseudo-particles as there are coordinates.
      const double pseudo = static_cast<double>(dim_ + 2), n = static_cast<double>(count_);
      Matrix covariance = centred * centred.transpose() / (n + pseudo);
      covariance.diagonal() += pseudo / (n + pseudo) * variance;
      const Eigen::LLT<Matrix> llt(covariance);
      dense_ = llt.info() == Eigen::Success;
      if (dense_) whitening_ = llt.matrixL();
    }
    scales_ = variance.cwiseSqrt();
  }
  void pull(const State& s, double beta, Matrix& out) const {  // A' gradient
    out = s.gradient_p;
    if (beta < 1) out = beta * out + (1 - beta) * s.gradient_q;
    if (dense_) {
      out = (whitening_.transpose().triangularView<Eigen::Upper>() * out).eval();
    } else {
      out.array().colwise() *= scales_.array();
    }
  }
  void push(const Matrix& momentum, const Eigen::RowVectorXd& step, Matrix& points) const {
    Matrix velocity = momentum.array().rowwise() * step.array();
    if (dense_) {
      velocity = (whitening_.triangularView<Eigen::Lower>() * velocity).eval();
    } else {
      velocity.array().colwise() *= scales_.array();
    }
    points += velocity;
  }

  static double log_target(const State& s, Index l, double beta) {
    return beta < 1 ? beta * s.log_p[l] + (1 - beta) * s.log_q[l] : s.log_p[l];
  }

  void move(double beta, Index max_moves) {
    const Matrix origin = now_.points;
    const Vector mean = origin.rowwise().mean();
    const Vector variance = (origin.colwise() - mean).rowwise().squaredNorm().cwiseMax(1e-300);
    State next;
    Matrix momentum(dim_, count_), force;
    Eigen::RowVectorXd step(count_);
    Vector kinetic(count_), uniform(count_), jitter(count_);
    for (Index m = 0; m < max_moves && !objective_.should_stop(); ++m) {
      const auto t = static_cast<uint32_t>(moves_++);
      numeric::fill_normal({seed_, stream_ + 2}, t, 0, dim_, count_, momentum.data(), count_);
      numeric::fill_uniform({seed_, stream_ + 3}, t, 0, 1, count_, uniform.data(), count_);
      numeric::fill_uniform({seed_, stream_ + 4}, t, 0, 1, count_, jitter.data(), count_);
      // Half of the lanes take the full step, the others any down to a sixty-fourth of it.
      step = step_ * (-(2 * jitter.array() - 1).max(0.0) * std::log(64.0)).exp().transpose();
      kinetic = momentum.colwise().squaredNorm().transpose();
      next = now_;
      pull(next, beta, force);
      for (Index k = 0; k < options_.leapfrog_steps; ++k) {
        momentum.array() += 0.5 * (force.array().rowwise() * step.array());
        push(momentum, step, next.points);
        evaluate(next, beta);
        if (objective_.should_stop()) return;
        pull(next, beta, force);
        momentum.array() += 0.5 * (force.array().rowwise() * step.array());
      }
      const Vector kinetic_after = momentum.colwise().squaredNorm().transpose();
      double accepted = 0;
      for (Index l = 0; l < count_; ++l) {
        const double change = log_target(next, l, beta) - log_target(now_, l, beta) +
                              0.5 * (kinetic[l] - kinetic_after[l]);
        if (std::isnan(change)) continue;  // a trajectory that left all bounds
        const double chance = std::exp(std::min(0.0, change));
        accepted += chance;
        if (uniform[l] < chance) now_.copy_lane(l, next, l);
      }
      acceptance_ = accepted / static_cast<double>(count_);
      step_ *= std::exp(std::clamp(acceptance_ - options_.target_acceptance, -0.5, 0.25));
      const Matrix from = origin.colwise() - mean, to = now_.points.colwise() - mean;
      const Vector together = from.cwiseProduct(to).rowwise().sum();
      const Vector spread = to.rowwise().squaredNorm().cwiseMax(1e-300);
      autocorrelation_ =
          together.cwiseQuotient(variance.cwiseProduct(spread).cwiseSqrt()).maxCoeff();
      constexpr double kForgotten = 0.1;
      if (autocorrelation_ < (beta < 1 ? 0.5 : kForgotten)) break;
    }
  }

  void compare_islands(SmcResult& result) const {
    const Index islands = options_.islands, n = options_.particles;
    const Vector mean = now_.points.rowwise().mean();
    const Matrix centred = now_.points.colwise() - mean;
    result.rhat = 1;
    for (Index d = 0; d < dim_; ++d) {
      for (const bool squared : {false, true}) {
        double within = 0, sum = 0, squares = 0;
        for (Index i = 0; i < islands; ++i) {
          Eigen::ArrayXd x = centred.row(d).segment(i * n, n).transpose().array();
          if (squared) x = x.square().max(1e-300).log();
          const double m = x.mean();
          within += (x - m).square().sum() / static_cast<double>(n - 1);
          sum += m;
          squares += m * m;
        }
        within /= static_cast<double>(islands);
        const double centre = sum / static_cast<double>(islands);
        const double between = (squares - static_cast<double>(islands) * centre * centre) /
                               static_cast<double>(islands - 1);
        const auto size = static_cast<double>(n);
        const double rhat = std::sqrt((size - 1) / size + between / std::max(within, 1e-300));
        if (rhat > result.rhat) {
          result.rhat = rhat;
          result.worst_coordinate = d;
        }
      }
    }
    const double evidence = log_mean_exp(log_evidence_);
    double squares = 0, sum = 0;
    for (const double e : log_evidence_) {
      const double w = std::exp(e - evidence);
      sum += w;
      squares += w * w;
    }
    const auto m = static_cast<double>(islands);
    result.island_ess = sum * sum / squares;
    // Delta method for the logarithm of the mean of independent weights.
    result.log_evidence = {evidence,
                           std::sqrt(std::max(0.0, squares / m - sum * sum / m / m) / (m - 1))};
  }

  void hand_out(SmcResult& result) const {
    const Index islands = options_.islands, n = options_.particles;
    const double evidence = log_mean_exp(log_evidence_);
    std::vector<double> w(static_cast<size_t>(count_));
    for (Index i = 0; i < islands; ++i) {
      const double each =
          std::exp(log_evidence_[static_cast<size_t>(i)] - evidence) / static_cast<double>(count_);
      for (Index l = 0; l < n; ++l) w[static_cast<size_t>(i * n + l)] = each;
    }
    numeric::RandomStream random(seed_, stream_ + 5);
    const auto chosen = diagnose::systematic_resample(w, count_, random.uniform());
    result.count = count_;
    for (const Index s : chosen) {
      const Vector x = now_.points.col(s);
      result.points.insert(result.points.end(), x.data(), x.data() + dim_);
      result.log_density.push_back(now_.log_p[s]);
    }
  }

  Objective& objective_;
  Base base_;
  const SmcOptions& options_;
  Index dim_;
  Index count_;
  uint64_t seed_;
  uint32_t stream_;
  double step_;
  State now_;
  std::vector<double> log_evidence_;
  bool dense_ = false;
  Matrix whitening_;
  Vector scales_;
  Index round_ = 0;
  Index moves_ = 0;
  double acceptance_ = 0;
  double autocorrelation_ = 1;
};

}  // namespace

bool SmcResult::trustworthy() const {
  // With 256 particles a population, R-hat of independent draws stays below 1.01; 1.02 is means of
  // populations that scatter by a fifth of a deviation, so that their mean is off by a fourteenth.
  constexpr double kRhat = 1.02, kEvidence = 0.2, kAutocorrelation = 0.15;
  return completed && rhat < kRhat && log_evidence.error < kEvidence &&
         autocorrelation < kAutocorrelation;
}

SmcResult smc(Objective& objective, const std::vector<FullRankNormal>& base,
              const std::vector<double>& weights, const SmcOptions& options, uint64_t seed,
              uint32_t first_stream, const SmcProgress& progress) {
  return Sampler(objective, base, weights, options, seed, first_stream).run(progress);
}

}  // namespace vinci::infer
