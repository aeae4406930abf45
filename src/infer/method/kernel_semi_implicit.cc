#include "infer/method/kernel_semi_implicit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "infer/optimizer/adam.h"
#include "numeric/linalg/dense_layer.h"
#include "numeric/special/row_functions.h"

namespace vinci::infer {
namespace {

/// A' B, both [D][lanes].
Matrix cross(const Matrix& a, const Matrix& b) {
  using namespace numeric;
  Matrix c(a.cols(), b.cols());
  VINCI_SIMD_SELECT(dense_product)
  (a.cols(), a.rows(), a.data(), 1, a.cols(), nullptr, 1, b.data(), b.cols(), c.data(), c.cols(),
   b.cols());
  return c;
}

/// B W' for B [D][lanes of W's columns], or B W.
Matrix times(const Matrix& b, const Matrix& w, bool transposed) {
  using namespace numeric;
  const Matrix right = transposed ? Matrix(w.transpose()) : w;
  Matrix c(b.rows(), right.cols());
  VINCI_SIMD_SELECT(dense_product)
  (b.rows(), b.cols(), b.data(), b.cols(), 1, nullptr, 1, right.data(), right.cols(), c.data(),
   c.cols(), right.cols());
  return c;
}

/// [i][j] = |x_i - y_j|^2, from differences where they are few, so that nothing cancels.
Matrix squared_distances(const Matrix& x, const Matrix& y) {
  Matrix r = Matrix::Zero(x.cols(), y.cols());
  for (Index i = 0; i < x.cols(); ++i) {
    for (Index d = 0; d < x.rows(); ++d) {
      r.row(i).array() += (y.row(d).array() - x(d, i)).square();
    }
  }
  return r;
}

double median(const Matrix& m) {
  std::vector<double> all(m.data(), m.data() + m.size());
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>((all.size() - 1) / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

/// The published rules: h^2 = median / (2 log(n + 1)) for the normal kernel, h = median / log(n +
/// 1) for the others.
double median_width(SteinKernel kernel, const Matrix& squares, Index n) {
  const double m = std::max(median(squares), 1e-12) / std::log(static_cast<double>(n) + 1);
  return kernel == SteinKernel::kGaussian ? std::sqrt(0.5 * m) : m;
}

/// Of kernels that depend on r alone: k and dk/d(r^2).
void radial_kernel(SteinKernel kernel, double h, const Matrix& squares, Matrix& k, Matrix& slope) {
  if (kernel == SteinKernel::kGaussian) {
    k = squares * (-0.5 / (h * h));
    {
      using namespace numeric;
      VINCI_SIMD_SELECT(row_function)(RowFunction::exp, k.data(), nullptr, k.data(), k.size());
    }
    slope = k * (-0.5 / (h * h));
  } else {
    k = (1 + squares.array() / h).rsqrt();
    slope = k.array().cube() * (-0.5 / h);
  }
}

}  // namespace

struct SteinDiscrepancyEstimator::Batch {
  Mlp::Tape tape;
  Matrix u;       // noise of the conditional
  Matrix x, z;    // draws, in the frame and out of it
  Matrix f;       // score of p less score of the conditional; 0 where there is no density
  Vector finite;  // 1 or 0
  Vector sd;
};

void SteinDiscrepancyEstimator::draw(std::span<const double> params, const Options& options,
                                     numeric::RandomKey key, uint32_t step, Index first,
                                     Batch& batch) {
  const Index dim = mixing_.dim(), n = options.batch;
  Matrix noise(mixing_.noise_dim() + dim, n);
  numeric::fill_normal(key, step, static_cast<uint32_t>(first), noise.rows(), n, noise.data(), n);
  batch.sd = mixing_.sd(params);
  batch.u = noise.bottomRows(dim);
  const Matrix own_noise = noise.topRows(mixing_.noise_dim());
  batch.x = mixing_.centres(params, own_noise, batch.tape);
  batch.x.array() += batch.u.array().colwise() * batch.sd.array();
  Matrix g(dim, n), score(dim, n);
  Vector value(n);
  batch.z.resize(dim, n);
  frame_.forward(lanes_of(batch.x), mutable_lanes(batch.z));
  objective_.evaluate(lanes_of(batch.z), span_of(value), mutable_lanes(g));
  frame_.pull_back(lanes_of(g), mutable_lanes(score));
  // The conditional's score is -u / sd.
  batch.f = score * options.power;
  batch.f.array() += batch.u.array().colwise() / batch.sd.array();
  batch.finite = Vector::Ones(n);
  for (Index l = 0; l < n; ++l) {
    if (std::isfinite(value[l])) continue;
    batch.finite[l] = 0;
    batch.f.col(l).setZero();
  }
}

Matrix SteinDiscrepancyEstimator::hessian_product(const Batch& batch, const Matrix& v,
                                                  double power) {
  // C' H C v.
  Matrix direction(v.rows(), v.cols()), product(v.rows(), v.cols()), back(v.rows(), v.cols());
  frame_.push(lanes_of(v), mutable_lanes(direction));
  objective_.hessian_vector(lanes_of(batch.z), lanes_of(direction), mutable_lanes(product));
  frame_.pull_back(lanes_of(product), mutable_lanes(back));
  return back * power;
}

void SteinDiscrepancyEstimator::backward(std::span<const double> params, const Batch& batch,
                                         const Matrix& adjoint_f, const Matrix& adjoint_x,
                                         double power, std::span<double> gradient) {
  // x = psi + sd u; f = power score(x) + u / sd.
  Matrix total = adjoint_x + hessian_product(batch, adjoint_f, power);
  for (Index l = 0; l < total.cols(); ++l) {
    // As if the density fell off like a standard normal in its frame.
    if (batch.finite[l] == 0) total.col(l) = batch.x.col(l) / static_cast<double>(total.cols());
  }
  mixing_.backward(params, batch.tape, total, gradient);
  if (!mixing_.learns_sd()) return;
  Eigen::Map<Vector> log_sd(gradient.data() + mixing_.num_params() - mixing_.dim(), mixing_.dim());
  const Vector through_x = (total.array() * batch.u.array()).rowwise().sum();
  const Vector through_f = (adjoint_f.array() * batch.u.array()).rowwise().sum();
  log_sd.array() += through_x.array() * batch.sd.array() - through_f.array() / batch.sd.array();
}

SteinDiscrepancyEstimator::Discrepancy SteinDiscrepancyEstimator::evaluate(
    std::span<const double> params, const Options& options, numeric::RandomKey key, uint32_t step,
    std::span<double> gradient) {
  const Index n = options.batch;
  VINCI_CHECK(n >= 2);
  Batch first, second;
  draw(params, options, key, step, 0, first);
  if (!options.u_statistic) draw(params, options, key, step, n, second);
  const Batch& other = options.u_statistic ? first : second;

  Discrepancy result;
  const double m = first.finite.sum(), m_other = other.finite.sum();
  result.num_finite = static_cast<Index>(m);
  const double pairs = options.u_statistic ? m * (m - 1) : m * m_other;
  const Matrix squares = squared_distances(first.x, other.x);
  result.width = options.width > 0 ? options.width : median_width(options.kernel, squares, n);
  const double h = result.width;

  // k and the derivative of k with respect to x_i: sum over j of slope_ij (x_i - x_j), for the
  // Riesz kernel with x_i / |x_i| h besides.
  const bool riesz = options.kernel == SteinKernel::kRiesz;
  Matrix k, slope;
  Vector norm, other_norm;
  if (riesz) {
    norm = first.x.colwise().norm().transpose();
    other_norm = other.x.colwise().norm().transpose();
    const Matrix distance = squares.array().sqrt();
    k = (-distance).colwise() + norm;
    k.rowwise() += other_norm.transpose();
    k /= h;
    slope = distance.unaryExpr([h](double r) { return r > 0 ? -1 / (r * h) : 0; });
  } else {
    radial_kernel(options.kernel, h, squares, k, slope);
    slope *= 2;
  }
  if (options.u_statistic) {
    k.diagonal().setZero();
    slope.diagonal().setZero();
  }
  const Matrix products = cross(first.f, other.f);  // f_i' f_j; zero where there is no density
  const double scale = pairs > 0 ? 1 / pairs : 0;
  result.value = scale * (products.array() * k.array()).sum();
  if (gradient.empty()) return result;

  std::fill(gradient.begin(), gradient.end(), 0.0);
  const Matrix pull = products.cwiseProduct(slope) * scale;  // W_ij
  const Matrix flat = products * (scale / h);                // of the Riesz kernel's norms
  const auto add = [&](const Batch& batch, const Batch& opposite, bool rows, double times_two) {
    const Matrix adjoint_f = times(opposite.f, k, rows) * (scale * times_two);
    const Vector sums = rows ? Vector(pull.rowwise().sum()) : Vector(pull.colwise().sum());
    Matrix adjoint_x = batch.x * sums.asDiagonal() - times(opposite.x, pull, rows);
    if (riesz) {
      Matrix kept = flat;
      if (options.u_statistic) kept.diagonal().setZero();
      const Vector weights = rows ? Vector(kept.rowwise().sum()) : Vector(kept.colwise().sum());
      const Vector& norms = rows ? norm : other_norm;
      adjoint_x += batch.x * (weights.array() / norms.array().max(1e-300)).matrix().asDiagonal();
    }
    backward(params, batch, adjoint_f, adjoint_x * times_two, options.power, gradient);
  };
  if (options.u_statistic) {
    add(first, first, true, 2);
  } else {
    add(first, second, true, 1);
    add(second, first, false, 1);
  }
  return result;
}

SemiImplicitResult kernel_semi_implicit(Objective& objective, const AffineMap& frame,
                                        const KernelSemiImplicitOptions& options,
                                        numeric::RandomKey key) {
  const Mixing mixing(frame.dim(), options.mixing);
  const auto n = static_cast<size_t>(mixing.num_params());
  SemiImplicitResult result;
  result.params.resize(n);
  mixing.initialise({key.seed ^ 0x9e3779b97f4a7c15u, key.stream}, result.params);
  SteinDiscrepancyEstimator estimator(objective, frame, mixing);
  SteinDiscrepancyEstimator::Options step = options.discrepancy;
  std::vector<double> gradient(n), direction(n);
  Adam adam(n);
  const Index window = std::max<Index>(1, options.iterations / 100);
  double sum = 0;
  Index in_sum = 0;
  bool any = false;
  Index t = 0;
  for (; t < options.iterations && !objective.should_stop(); ++t) {
    const double done = static_cast<double>(t) / static_cast<double>(options.iterations);
    step.power = options.discrepancy.power * (options.anneal ? std::min(1.0, 0.1 + 2 * done) : 1);
    const auto d = estimator.evaluate(result.params, step, key, static_cast<uint32_t>(t), gradient);
    const bool usable =
        d.num_finite > 1 && std::isfinite(d.value) &&
        std::all_of(gradient.begin(), gradient.end(), [](double g) { return std::isfinite(g); });
    if (usable) {
      any = true;
      adam.direction(gradient, direction);
      const double rate =
          options.rate * std::pow(options.decay, static_cast<double>(t / options.decay_every));
      for (size_t i = 0; i < n; ++i) result.params[i] -= rate * direction[i];
      sum += d.value;
      ++in_sum;
    } else {
      ++result.skipped;
    }
    if ((t + 1) % window != 0) continue;
    result.trace.push_back(sum / static_cast<double>(in_sum));
    sum = 0;
    in_sum = 0;
    Progress p;
    p.stage = "kernel semi-implicit";
    p.fraction = static_cast<double>(t + 1) / static_cast<double>(options.iterations);
    p.elapsed_seconds = objective.elapsed_seconds();
    objective.context().progress(p);
  }
  result.iterations = t;
  if (!any && t > 0) return result;
  result.converged = t == options.iterations;
  result.approximation = sample_mixture(frame, mixing, result.params, options.reference, key);
  return result;
}

}  // namespace vinci::infer
