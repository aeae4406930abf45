#include "infer/method/fit_sinh_arcsinh.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "infer/dense.h"
#include "infer/judgement.h"
#include "infer/method/windows.h"

namespace vinci::infer {
namespace {

// Tails from |u|^(5/2) to |u|^(2/5): beyond, gradients are those of rare draws far out.
constexpr double kMaxLogTail = 0.9162907318741551;
constexpr double kMaxSkew = 4;
constexpr double kMaxStepNorm = 1;  // in standard deviations of the scores: half a nat
constexpr double kOutlier = 10;     // a draw's gradient counts up to so many medians

enum Field { kMean, kScale, kSkew, kLogTail, kNumFields };
using Information = Eigen::Matrix4d;

/// One coordinate's warp h of given skew and tail, with what standardising it takes.
struct Warp {
  double mean = 0;  // of h(u)
  double sd = 1;
  // d h / d skew and d h / d log tail less their projections on 1 and v, over sd, are the fields
  // that leave mean and sd where they are.
  double offset[2] = {0, 0};
  double slope[2] = {0, 0};
  Information inverse = Information::Identity();
  double location = 1;  // Fisher information of the mean

  /// At h(u) = x: d h / d skew and d h / d log tail.
  static void derivatives(double x, double delta, double out[2]) {
    const double cosh_a = std::hypot(1.0, x);  // x = sinh a, a = (asinh(u) + eps) / delta
    out[0] = cosh_a / delta;
    out[1] = -std::asinh(x) * cosh_a;
  }
  /// d log f / d x of the density f of x = h(u), at u.
  static double log_density_slope(double u, double x, double delta) {
    const double c = std::hypot(1.0, x), s = std::sqrt(1 + u * u);
    return -u * u * u / s * delta / c - x / c / c;
  }
  /// The fields at u, in standard deviations of the warp.
  void fields(double x, double delta, double out[kNumFields]) const {
    double d[2];
    derivatives(x, delta, d);
    out[kMean] = 1;
    out[kScale] = (x - mean) / sd;
    for (int k = 0; k < 2; ++k) {
      out[kSkew + k] = d[k] / sd - offset[k] - slope[k] * out[kScale];
    }
  }

  static Warp make(double eps, double delta) {
    const NormalQuadrature& rule = NormalQuadrature::get();
    constexpr size_t kMaxNodes = 128;
    double x[kMaxNodes];
    const size_t n = rule.nodes.size();
    sinh_arcsinh(eps, delta, rule.nodes.data(), x, static_cast<Index>(n));
    Warp w;
    w.mean = 0;
    for (size_t i = 0; i < n; ++i) w.mean += rule.weights[i] * x[i];
    double variance = 0;
    for (size_t i = 0; i < n; ++i) variance += rule.weights[i] * (x[i] - w.mean) * (x[i] - w.mean);
    w.sd = std::sqrt(variance);
    for (size_t i = 0; i < n; ++i) {
      double d[2];
      derivatives(x[i], delta, d);
      for (int k = 0; k < 2; ++k) {
        w.offset[k] += rule.weights[i] * d[k] / w.sd;
        w.slope[k] += rule.weights[i] * d[k] * (x[i] - w.mean) / variance;
      }
    }
    Information information = Information::Zero();
    for (size_t i = 0; i < n; ++i) {
      const double u = rule.nodes[i];
      // Score of a field phi(v): d phi / d v + phi d log f / d v.
      const double c = std::hypot(1.0, x[i]);
      double phi[kNumFields];
      w.fields(x[i], delta, phi);
      const double l = w.sd * log_density_slope(u, x[i], delta);
      const double skew_slope = x[i] / c / delta, tail_slope = -(1 + std::asinh(x[i]) * x[i] / c);
      const Eigen::Vector4d score(l * phi[kMean], 1 + l * phi[kScale],
                                  skew_slope - w.slope[0] + l * phi[kSkew],
                                  tail_slope - w.slope[1] + l * phi[kLogTail]);
      information += rule.weights[i] * score * score.transpose();
    }
    w.location = information(kMean, kMean);
    // Warps near their limits change q little: a step there needs a bound.
    information(kSkew, kSkew) += 1e-3;
    information(kLogTail, kLogTail) += 1e-3;
    w.inverse = information.inverse();
    return w;
  }
};

/// m, C (of the standardised warp), skew, log tail.
struct Parameters {
  Vector mean;
  Matrix factor;
  Vector skew;
  Vector log_tail;

  static Parameters zero(Index dim) {
    return {Vector::Zero(dim), Matrix::Zero(dim, dim), Vector::Zero(dim), Vector::Zero(dim)};
  }
  void add(const Parameters& p) {
    mean += p.mean;
    factor += p.factor;
    skew += p.skew;
    log_tail += p.log_tail;
  }
  Parameters divided(double n) const {
    return {mean / n, Matrix(factor / n), skew / n, log_tail / n};
  }
  SinhArcsinhNormal family() const {
    const Index dim = mean.size();
    Vector m = mean, tail = log_tail.array().exp();
    Matrix c = factor;
    for (Index i = 0; i < dim; ++i) {
      const Warp w = Warp::make(skew[i], tail[i]);
      c.col(i) = factor.col(i) / w.sd;
      m -= c.col(i) * w.mean;
    }
    return {FullRankNormal(to_std(m), to_std(c)), to_std(skew), to_std(tail)};
  }
};

class Ascent {
 public:
  Ascent(Objective& objective, const FullRankNormal& start, Index batch)
      : objective_(objective),
        dim_(objective.dim()),
        pairs_(batch / 2),
        at_{map_vector(start.mean()), map_square(start.factor(), dim_), Vector::Zero(dim_),
            Vector::Zero(dim_)},
        u_(dim_, batch),
        v_(dim_, batch),
        z_(dim_, batch),
        w_(dim_, batch),
        g_(dim_, batch),
        values_(batch),
        log_q_(batch),
        warps_(static_cast<size_t>(dim_)) {}

  /// Draws, evaluates, and leaves gradient, natural gradient and gap.
  void estimate(numeric::RandomKey key, uint32_t step) {
    const Index batch = 2 * pairs_;
    // Members of a pair are neighbours in the halves of the batch: columns of each half are pairs.
    noise_.resize(dim_, pairs_);
    numeric::fill_normal(key, step, 0, dim_, pairs_, noise_.data(), pairs_);
    u_.leftCols(pairs_) = noise_;
    u_.rightCols(pairs_) = -noise_;
    log_q_.setConstant(-0.5 * static_cast<double>(dim_) * std::log(2 * std::numbers::pi));
    score_.resize(dim_, batch);
    for (int k = 0; k < 2; ++k) warped_[k].resize(dim_, batch);
    for (Index i = 0; i < dim_; ++i) {
      const double delta = std::exp(at_.log_tail[i]);
      Warp& warp = warps_[static_cast<size_t>(i)];
      warp = Warp::make(at_.skew[i], delta);
      sinh_arcsinh(at_.skew[i], delta, u_.row(i).data(), v_.row(i).data(), batch);
      const double log_scale = std::log(at_.factor(i, i) / warp.sd / delta);
      for (Index l = 0; l < batch; ++l) {
        const double u = u_(i, l), x = v_(i, l);
        double phi[kNumFields];
        warp.fields(x, delta, phi);
        v_(i, l) = phi[kScale];
        warped_[0](i, l) = phi[kSkew];
        warped_[1](i, l) = phi[kLogTail];
        score_(i, l) = warp.sd * Warp::log_density_slope(u, x, delta);
        log_q_[l] -=
            log_scale + 0.5 * u * u + std::log(std::hypot(1.0, x)) - 0.5 * std::log1p(u * u);
      }
    }
    z_.noalias() = at_.factor.triangularView<Eigen::Lower>() * v_;
    z_.colwise() += at_.mean;
    objective_.evaluate(lanes_of(z_), span_of(values_), mutable_lanes(g_));
    w_.noalias() = at_.factor.transpose().triangularView<Eigen::Upper>() * g_;
    w_ -= score_;
    double total = 0;
    Index finite = 0;
    for (Index l = 0; l < batch; ++l) {
      if (std::isfinite(values_[l])) {
        total += values_[l] - log_q_[l];
        ++finite;
      } else {
        w_.col(l) = -v_.col(l);
      }
    }
    nonfinite_ += batch - finite;
    limit_outliers();
    elbo_ =
        finite > 0 ? total / static_cast<double>(finite) : -std::numeric_limits<double>::infinity();
    // The gap from halves of the pairs, which share no noise.
    const Index half = pairs_ / 2;
    gradient(0, half, first_, first_lower_);
    gradient(half, pairs_ - half, second_, second_lower_);
    natural(first_, first_lower_, natural_, lower_);
    gap_ = 0.5 * (natural_.cwiseProduct(second_).sum() + lower_.cwiseProduct(second_lower_).sum());
    const double share = static_cast<double>(half) / static_cast<double>(pairs_);
    first_ = share * first_ + (1 - share) * second_;
    first_lower_ = share * first_lower_ + (1 - share) * second_lower_;
    natural(first_, first_lower_, natural_, lower_);
    norm_ =
        std::sqrt(natural_.cwiseProduct(first_).sum() + lower_.cwiseProduct(first_lower_).sum());
  }

  /// Goes back to where the ascent was.
  void restore(const Parameters& p) { at_ = p; }

  void step(double eta) {
    if (norm_ > 0) eta = std::min(eta, kMaxStepNorm / norm_);
    if (!std::isfinite(norm_)) return;
    transform_ = eta * lower_;
    // The diagonal moves by a factor, which keeps it positive.
    transform_.diagonal() = (eta * natural_.col(kScale)).array().max(-1).min(1).exp();
    transform_.triangularView<Eigen::StrictlyUpper>().setZero();
    const Vector shift = at_.factor.triangularView<Eigen::Lower>() * (eta * natural_.col(kMean));
    next_.noalias() = at_.factor.triangularView<Eigen::Lower>() * transform_;
    next_.triangularView<Eigen::StrictlyUpper>().setZero();
    if (!next_.allFinite() || !(next_.diagonal().minCoeff() > 0) || !shift.allFinite()) return;
    std::swap(at_.factor, next_);
    at_.mean += shift;
    at_.skew = (at_.skew + eta * natural_.col(kSkew)).cwiseMax(-kMaxSkew).cwiseMin(kMaxSkew);
    at_.log_tail =
        (at_.log_tail + eta * natural_.col(kLogTail)).cwiseMax(-kMaxLogTail).cwiseMin(kMaxLogTail);
  }

  double gap() const { return gap_; }
  double elbo() const { return elbo_; }
  int64_t nonfinite() const { return nonfinite_; }
  const Parameters& parameters() const { return at_; }

 private:
  using Fields = Eigen::Matrix<double, Eigen::Dynamic, kNumFields>;

  /// Where the posterior falls off faster than q, gradients far out have no variance to speak of:
  /// one draw would undo what a hundred have found.
  void limit_outliers() {
    norms_ = w_.colwise().norm();
    sorted_.assign(norms_.data(), norms_.data() + norms_.size());
    const auto middle = sorted_.begin() + static_cast<std::ptrdiff_t>(sorted_.size() / 2);
    std::nth_element(sorted_.begin(), middle, sorted_.end());
    const double limit = kOutlier * *middle;
    for (Index l = 0; l < norms_.size(); ++l) {
      if (norms_[l] > limit) w_.col(l) *= limit / norms_[l];
    }
  }

  /// Means of w phi over the pairs [from, from + count) : of the four fields of each row, and of
  /// w_i v_j below the diagonal.
  void gradient(Index from, Index count, Fields& fields, Matrix& lower) {
    const double scale = 0.5 / static_cast<double>(count);
    fields.resize(dim_, kNumFields);
    fields.setZero();
    lower.setZero(dim_, dim_);
    for (const Index side : {Index{0}, pairs_}) {
      const auto w = w_.middleCols(side + from, count);
      const auto v = v_.middleCols(side + from, count);
      fields.col(kMean) += scale * w.rowwise().sum();
      fields.col(kScale) += scale * w.cwiseProduct(v).rowwise().sum();
      for (int k = 0; k < 2; ++k) {
        fields.col(kSkew + k) +=
            scale * w.cwiseProduct(warped_[k].middleCols(side + from, count)).rowwise().sum();
      }
      lower.noalias() += scale * w * v.transpose();
    }
    lower.triangularView<Eigen::Upper>().setZero();
  }
  void natural(const Fields& fields, const Matrix& lower, Fields& out, Matrix& out_lower) const {
    out.resize(dim_, kNumFields);
    out_lower.resize(dim_, dim_);
    for (Index i = 0; i < dim_; ++i) {
      const Warp& warp = warps_[static_cast<size_t>(i)];
      out.row(i) = warp.inverse * fields.row(i).transpose();
      out_lower.row(i) = lower.row(i) / warp.location;
    }
  }

  Objective& objective_;
  Index dim_;
  Index pairs_;
  Parameters at_;
  Matrix noise_, u_, v_, z_, w_, g_, score_;
  Matrix warped_[2];
  Vector values_, log_q_, norms_;
  std::vector<double> sorted_;
  std::vector<Warp> warps_;
  Fields first_, second_, natural_;
  Matrix first_lower_, second_lower_, lower_, transform_, next_;
  double gap_ = 0, elbo_ = 0, norm_ = 0;
  int64_t nonfinite_ = 0;
};

}  // namespace

SinhArcsinhResult fit_sinh_arcsinh(Objective& objective, const FullRankNormal& start,
                                   const SinhArcsinhOptions& options, numeric::RandomKey key) {
  const Index dim = objective.dim();
  const Index wanted = options.batch > 0 ? options.batch : std::clamp<Index>(dim / 4, 32, 128);
  const Index batch = std::max<Index>(4, (wanted + 3) / 4 * 4);
  const std::vector<double> none(static_cast<size_t>(dim), 0.0);
  const std::vector<double> ones(static_cast<size_t>(dim), 1.0);
  SinhArcsinhResult result{SinhArcsinhNormal(start, none, ones)};
  Ascent ascent(objective, start, batch);
  IterateAverage<Parameters> average(Parameters::zero(dim));
  RunningMean gap, elbo;
  Parameters best = ascent.parameters();
  double best_elbo = -std::numeric_limits<double>::infinity(), caution = 1;
  for (Index t = 0; t < options.max_iterations && !objective.should_stop(); ++t) {
    ascent.estimate(key, static_cast<uint32_t>(t));
    gap.add(ascent.gap());
    elbo.add(ascent.elbo());
    ascent.step(caution * options.step / (1 + options.step_decay * static_cast<double>(t)));
    average.add(ascent.parameters());
    result.iterations = t + 1;
    if (gap.count() < std::max(options.window, t / 3)) continue;
    result.gap = gap.mean();
    result.gap_error = gap.error();
    result.elbo = elbo.mean();
    result.elbo_error = elbo.error();
    if (result.gap + 2 * result.gap_error < options.gap_tolerance) {
      result.converged = true;
      break;
    }
    // A window that fell (by more than its noise, and by more than matters) had too long steps.
    const bool fell = !(elbo.mean() > best_elbo - 3 * elbo.error() - 0.1);
    if (fell) {
      ascent.restore(best);
      caution *= 0.3;
    } else {
      best = ascent.parameters();
      best_elbo = std::max(best_elbo, elbo.mean());
    }
    // Iterates of a window far from the optimum were still on their way.
    constexpr double kFar = 4;
    if (fell || result.gap > kFar * options.gap_tolerance) average.clear();
    average.roll();
    gap = {};
    elbo = {};
  }
  result.nonfinite = ascent.nonfinite();
  if (result.iterations == 0) return result;
  const SinhArcsinhNormal end = (average.empty() ? ascent.parameters() : average.mean()).family();
  // Not worse than the start, on common noise.
  constexpr Index kDraws = 1000;
  const numeric::RandomKey other{~key.seed, key.stream};
  const double before = estimate_elbo(objective, start, kDraws, other).value;
  if (estimate_elbo(objective, end, kDraws, other).value > before - options.gap_tolerance) {
    result.q = end;
  } else {
    result.converged = false;
  }
  return result;
}

}  // namespace vinci::infer
