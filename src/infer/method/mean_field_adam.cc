#include "infer/method/mean_field_adam.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <utility>

#include "infer/dense.h"
#include "infer/optimizer/adam.h"

namespace vinci::infer {

MeanFieldAdamResult mean_field_adam(Objective& objective, const MeanFieldNormal& start,
                                    const MeanFieldAdamOptions& options, numeric::RandomKey key) {
  const Index dim = objective.dim();
  const Index pairs = std::max<Index>(1, options.batch / 2);
  Vector mean = map_vector(start.mean());
  Vector log_sd = map_vector(start.sd()).array().log();
  Vector sum_mean = Vector::Zero(dim), sum_log_sd = Vector::Zero(dim);
  Index averaged = 0;
  Matrix noise(dim, pairs), z(dim, 2 * pairs), g(dim, 2 * pairs);
  Vector values(2 * pairs), sd(dim), gradient(2 * dim), direction(2 * dim);
  Adam adam(static_cast<size_t>(2 * dim));
  MeanFieldAdamResult result{start};
  double rate = options.rate;
  double previous = -std::numeric_limits<double>::infinity(), previous_error = 0;
  double window_mean = 0, window_squares = 0;
  Index in_window = 0;
  const auto n = static_cast<double>(2 * pairs);
  for (Index t = 0; t < options.max_iterations && !objective.should_stop(); ++t) {
    numeric::fill_normal(key, static_cast<uint32_t>(t), 0, dim, pairs, noise.data(), pairs);
    sd = log_sd.array().exp();
    z.leftCols(pairs) = noise.array().colwise() * sd.array();
    z.rightCols(pairs) = (-z.leftCols(pairs)).colwise() + mean;
    z.leftCols(pairs).colwise() += mean;
    objective.evaluate(lanes_of(z), span_of(values), mutable_lanes(g));
    // w = s g + u at each draw; both gradients are means of w and of u w.
    g.array().colwise() *= sd.array();
    g.leftCols(pairs) += noise;
    g.rightCols(pairs) -= noise;
    double total = 0;
    Index finite = 0;
    for (Index l = 0; l < values.size(); ++l) {
      if (std::isfinite(values[l])) {
        total += values[l];
        ++finite;
      } else {
        // As if the density fell off like q itself, back to the mean.
        g.col(l) = l < pairs ? Vector(-noise.col(l)) : Vector(noise.col(l - pairs));
      }
    }
    gradient.head(dim) = g.rowwise().sum() / n;
    gradient.tail(dim) =
        (noise.array() * (g.leftCols(pairs) - g.rightCols(pairs)).array()).rowwise().sum() / n;
    adam.direction(span_of(std::as_const(gradient)), span_of(direction));
    mean.array() += rate * sd.array() * direction.head(dim).array();
    log_sd += rate * direction.tail(dim);
    sum_mean += mean;
    sum_log_sd += log_sd;
    ++averaged;
    result.iterations = t + 1;

    const double entropy =
        log_sd.sum() + 0.5 * static_cast<double>(dim) * (1 + std::log(2 * std::numbers::pi));
    const double elbo = finite > 0 ? total / static_cast<double>(finite) + entropy
                                   : -std::numeric_limits<double>::max();
    ++in_window;
    const double d = elbo - window_mean;
    window_mean += d / static_cast<double>(in_window);
    window_squares += d * (elbo - window_mean);
    if (in_window < options.window) continue;
    const auto m = static_cast<double>(in_window);
    const double error = std::sqrt(window_squares / (m - 1) / m);
    result.elbo = window_mean;
    if (options.checkpoints != nullptr && options.checkpoints->due()) {
      const Vector s = log_sd.array().exp();
      options.checkpoints->offer({"mean field", t + 1,
                                  std::make_shared<MeanFieldNormal>(to_std(mean), to_std(s)),
                                  window_mean - 3 * error});
    }
    const bool rising = window_mean - previous > 2 * std::hypot(error, previous_error);
    previous = window_mean;
    previous_error = error;
    window_mean = window_squares = 0;
    in_window = 0;
    if (rising) continue;
    rate *= 0.5;
    if (rate < options.last_rate) {
      result.converged = true;
      break;
    }
    sum_mean.setZero();
    sum_log_sd.setZero();
    averaged = 0;
  }
  if (averaged > 0) {
    mean = sum_mean / static_cast<double>(averaged);
    log_sd = sum_log_sd / static_cast<double>(averaged);
  }
  sd = log_sd.array().exp();
  if (mean.allFinite() && sd.allFinite() && sd.minCoeff() > 0) {
    result.normal = MeanFieldNormal(to_std(mean), to_std(sd));
  }
  return result;
}

}  // namespace vinci::infer
