#include "infer/method/semi_implicit.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "infer/optimizer/adam.h"
#include "numeric/special/normal_mixture.h"

namespace vinci::infer {
namespace {

// Lanes of one step: those of the draws, then those of the psi_k; the reference draws of psi have a
// step of their own.
constexpr uint32_t kReferenceStep = 0xffffffffu;

/// [rows][lanes] of standard normal noise, lanes numbered from `first`.
Matrix noise_of(numeric::RandomKey key, uint32_t step, Index first, Index rows, Index lanes) {
  Matrix noise(rows, lanes);
  numeric::fill_normal(key, step, static_cast<uint32_t>(first), rows, lanes, noise.data(), lanes);
  return noise;
}

/// psi / sd by centre: [K][D].
std::vector<double> scaled_centres(const Matrix& psi, const Vector& sd) {
  std::vector<double> centres(static_cast<size_t>(psi.size()));
  Eigen::Map<Matrix>(centres.data(), psi.cols(), psi.rows()) =
      (psi.array().colwise() / sd.array()).matrix().transpose();
  return centres;
}

}  // namespace

SurrogateBound SurrogateBoundEstimator::evaluate(std::span<const double> params,
                                                 const Options& options, numeric::RandomKey key,
                                                 uint32_t step, std::span<double> gradient) {
  using namespace numeric;
  const Index dim = mixing_.dim(), draws = options.draws, inner = options.inner;
  const Index group = options.importance;
  VINCI_CHECK(draws > 0 && inner >= 0 && group > 0 && draws % group == 0);
  const bool whole = !options.drop_score || group > 1;  // gradients of h_K's parameters too
  const Vector sd = mixing_.sd(params);

  // y = psi + sd u, z = frame(y); a and `own` are y and psi in units of sd.
  const Matrix noise = noise_of(key, step, 0, mixing_.noise_dim() + dim, draws);
  const Matrix own_noise = noise.topRows(mixing_.noise_dim());
  const auto u = noise.bottomRows(dim);
  const Matrix psi = mixing_.centres(params, own_noise, own_tape_);
  const Matrix own = psi.array().colwise() / sd.array();
  const Matrix a = own + u;
  const Matrix y = a.array().colwise() * sd.array();
  Matrix z(dim, draws), g(dim, draws), gy(dim, draws);
  Vector value(draws);
  frame_.forward(lanes_of(y), mutable_lanes(z));
  objective_.evaluate(lanes_of(z), span_of(value), mutable_lanes(g));
  frame_.pull_back(lanes_of(g), mutable_lanes(gy));

  const Matrix set_noise = noise_of(key, step, draws, mixing_.noise_dim(), inner);
  std::vector<double> centres;
  if (inner > 0) centres = scaled_centres(mixing_.centres(params, set_noise, set_tape_), sd);

  Vector log_h(draws), share(draws), weight(draws);
  Matrix pull(dim, draws);
  scratch_.resize(static_cast<size_t>(normal_mixture_scratch(dim)));
  NormalMixture job;
  job.dim = dim;
  job.count = inner;
  job.centres = centres.data();
  job.lanes = draws;
  job.points = a.data();
  job.own = own.data();
  job.point_stride = job.own_stride = job.pull_stride = draws;
  job.log_sum = log_h.data();
  job.scratch = scratch_.data();
  if (!gradient.empty()) {
    job.pull = pull.data();
    job.own_share = share.data();
  }
  VINCI_SIMD_SELECT(normal_mixture)(job);
  const double constant = -std::log(static_cast<double>(inner + 1)) - sd.array().log().sum() -
                          frame_.log_abs_det() -
                          0.5 * static_cast<double>(dim) * std::log(2 * std::numbers::pi);
  log_h.array() += constant;

  // Mean over groups of log mean exp(log ratio); weight_j = d value / d (log ratio)_j.
  SurrogateBound result;
  const Vector log_ratio = value - log_h;
  double total = 0;
  Index groups = 0;
  weight.setZero();
  for (Index first = 0; first < draws; first += group) {
    double top = -std::numeric_limits<double>::infinity();
    for (Index j = first; j < first + group; ++j) {
      if (std::isfinite(log_ratio[j])) {
        ++result.num_finite;
        top = std::max(top, log_ratio[j]);
      }
    }
    if (std::isinf(top)) continue;
    double sum = 0;
    for (Index j = first; j < first + group; ++j) {
      if (std::isfinite(log_ratio[j])) sum += weight[j] = std::exp(log_ratio[j] - top);
    }
    for (Index j = first; j < first + group; ++j) weight[j] /= sum;
    total += top + std::log(sum / static_cast<double>(group));
    ++groups;
  }
  if (groups > 0) {
    result.value = total / static_cast<double>(groups);
    weight /= static_cast<double>(groups);
  }
  if (gradient.empty()) return result;

  Matrix adjoint_y = (gy - Matrix(pull.array().colwise() / sd.array())) * weight.asDiagonal();
  for (Index j = 0; j < draws; ++j) {
    // As if the density fell off like a standard normal in its frame.
    if (!std::isfinite(log_ratio[j])) adjoint_y.col(j) = -y.col(j) / static_cast<double>(draws);
  }
  std::fill(gradient.begin(), gradient.end(), 0.0);
  Eigen::Map<Vector> log_sd_gradient(gradient.data() + mixing_.num_params() - dim, dim);
  if (mixing_.learns_sd()) {
    log_sd_gradient = (adjoint_y.array() * u.array()).rowwise().sum() * sd.array();
  }
  Matrix adjoint_psi = adjoint_y;
  if (whole) {
    std::vector<double> centre_pull(centres.size(), 0.0);
    job.centre_pull = centre_pull.data();
    job.weight = weight.data();
    if (inner > 0) VINCI_SIMD_SELECT(normal_mixture)(job);
    // d log h / d own (in units of sd) = share u, by draw.
    const Matrix own_pull = u * (weight.array() * share.array()).matrix().asDiagonal();
    adjoint_psi -= Matrix(own_pull.array().colwise() / sd.array());
    const Eigen::Map<const Matrix> set_pull(centre_pull.data(), inner, dim);
    if (inner > 0) {
      const Matrix adjoint_set = (-set_pull.transpose()).array().colwise() / sd.array();
      mixing_.backward(params, set_tape_, adjoint_set, gradient);
    }
    if (mixing_.learns_sd()) {
      // log h depends on log sd through a, own, the centres (all divided by sd) and the constant.
      const Eigen::Map<const Matrix> b(centres.data(), inner, dim);
      const Matrix through_a = pull * weight.asDiagonal();
      log_sd_gradient += (through_a.array() * a.array()).rowwise().sum().matrix() +
                         (own_pull.array() * own.array()).rowwise().sum().matrix() +
                         (set_pull.array() * b.array()).colwise().sum().transpose().matrix();
      log_sd_gradient.array() += weight.sum();
    }
  }
  mixing_.backward(params, own_tape_, adjoint_psi, gradient);
  return result;
}

std::shared_ptr<const SemiImplicitMixture> sample_mixture(const AffineMap& frame,
                                                          const Mixing& mixing,
                                                          std::span<const double> params,
                                                          Index count, numeric::RandomKey key) {
  Mlp::Tape tape;
  const Matrix psi =
      mixing.centres(params, noise_of(key, kReferenceStep, 0, mixing.noise_dim(), count), tape);
  const Vector sd = mixing.sd(params);
  if (!psi.allFinite() || !sd.allFinite() || !(sd.minCoeff() > 0)) return nullptr;
  const Matrix by_centre = psi.transpose();
  return std::make_shared<SemiImplicitMixture>(frame, to_std(by_centre), to_std(sd));
}

SemiImplicitResult semi_implicit(Objective& objective, const AffineMap& frame,
                                 const SemiImplicitOptions& options, numeric::RandomKey key) {
  const Mixing mixing(frame.dim(), options.mixing);
  const auto n = static_cast<size_t>(mixing.num_params());
  SemiImplicitResult result;
  result.params.resize(n);
  // The network's first weights and the noise of the steps must not be the same numbers.
  mixing.initialise({key.seed ^ 0x9e3779b97f4a7c15u, key.stream}, result.params);
  SurrogateBoundEstimator estimator(objective, frame, mixing);
  SurrogateBoundEstimator::Options step = options.bound;
  std::vector<double> gradient(n), direction(n);
  Adam adam(n);
  const Index window = std::max<Index>(1, options.iterations / 100);
  std::vector<double> bounds;
  bool any = false;
  Index t = 0;
  for (; t < options.iterations && !objective.should_stop(); ++t) {
    const double done = static_cast<double>(t) / static_cast<double>(options.iterations);
    // Geometric in K: the bound's slack is in log K.
    const double first = static_cast<double>(std::min(options.first_inner, options.bound.inner));
    step.inner = first < 1 ? options.bound.inner
                           : static_cast<Index>(std::lround(
                                 first * std::pow(static_cast<double>(options.bound.inner) / first,
                                                  std::min(1.0, 2 * done))));
    const SurrogateBound bound =
        estimator.evaluate(result.params, step, key, static_cast<uint32_t>(t), gradient);
    const bool usable =
        bound.num_finite > 0 &&
        std::all_of(gradient.begin(), gradient.end(), [](double g) { return std::isfinite(g); });
    if (usable) {
      any = true;
      adam.direction(gradient, direction);
      const double rate = std::max(
          options.least_rate, options.rate * std::pow(options.decay, static_cast<double>(t) / 100));
      for (size_t i = 0; i < n; ++i) result.params[i] += rate * direction[i];
    } else {
      ++result.skipped;
    }
    bounds.push_back(bound.value);
    if ((t + 1) % window != 0) continue;
    double sum = 0;
    Index finite = 0;
    for (size_t i = bounds.size() - static_cast<size_t>(window); i < bounds.size(); ++i) {
      if (!std::isfinite(bounds[i])) continue;
      sum += bounds[i];
      ++finite;
    }
    result.trace.push_back(sum / static_cast<double>(finite));
    Progress p;
    p.stage = "semi-implicit";
    p.fraction = static_cast<double>(t + 1) / static_cast<double>(options.iterations);
    p.elbo = result.trace.back();
    p.elapsed_seconds = objective.elapsed_seconds();
    objective.context().progress(p);
  }
  result.iterations = t;
  if (!any && t > 0) return result;
  const auto tenth = [&](size_t back) {  // mean and squared error of the steps that far back
    const size_t size = std::max<size_t>(1, bounds.size() / 10);
    double sum = 0, squares = 0, m = 0;
    for (size_t i = bounds.size() - std::min(bounds.size(), size * (back + 1));
         i < bounds.size() - std::min(bounds.size(), size * back); ++i) {
      if (!std::isfinite(bounds[i])) continue;
      sum += bounds[i];
      squares += bounds[i] * bounds[i];
      m += 1;
    }
    const double mean = sum / m;
    return std::pair{mean, std::max(0.0, squares / m - mean * mean) / std::max(1.0, m - 1)};
  };
  const auto [last, last_error] = tenth(0);
  const auto [before, before_error] = tenth(1);
  result.bound = last;
  result.bound_error = std::sqrt(last_error);
  const double slack = 0.01 + 3 * std::sqrt(last_error + before_error);
  result.converged = t == options.iterations && last - before <= slack;
  result.approximation = sample_mixture(frame, mixing, result.params, options.reference, key);
  return result;
}

}  // namespace vinci::infer
