// The score function with a learned surrogate as control variate.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "infer/estimator/draw_batch.h"
#include "infer/estimator/surrogate.h"

namespace vinci::infer {
namespace {

constexpr uint32_t kPilotStep = 1u << 31;
constexpr uint32_t kWeightsStream = 0x80000000u;  // apart from the stream of the draws

class Lax final : public GradientEstimator {
 public:
  Lax(const EstimatorOptions& options, const LaxOptions& lax)
      : GradientEstimator(options), lax_(lax) {}

  std::string name() const override { return with_noise("LAX"); }

  std::string obstacle(const ParametricFamily& family) const override {
    if (!family.reparameterised()) return "the family's draws are not a function of noise";
    return GradientEstimator::obstacle(family);
  }

  double estimate(Objective& objective, const ParametricFamily& family,
                  std::span<const double> lambda, numeric::RandomKey key, uint32_t step,
                  std::span<double> gradient) override {
    if (!surrogate_) {
      EstimatorOptions pilot_options = options_;
      pilot_options.draws = lax_.pilot;
      const DrawBatch pilot =
          draw_batch(objective, family, lambda, pilot_options, false, key, kPilotStep + step);
      surrogate_.emplace(pilot.points, pilot.log_ratios(options_), lax_.width, lax_.rate,
                         numeric::RandomKey{key.seed, key.stream ^ kWeightsStream});
    }
    const DrawBatch batch = draw_batch(objective, family, lambda, options_, false, key, step);
    const Index n = batch.size();
    Matrix score(family.num_params(), n), each(family.num_params(), n);
    family.score(lambda, lanes_of(batch.points), mutable_lanes(score));
    const Surrogate::Values c = surrogate_->evaluate(batch.points);
    family.pathwise(lambda, lanes_of(batch.noise), lanes_of(batch.points), batch.tape.get(),
                    lanes_of(c.gradient), mutable_lanes(each));
    const Vector rest = batch.log_ratios(options_) - c.value;
    each.array() += score.array().rowwise() * rest.transpose().array();
    Eigen::Map<Vector>(gradient.data(), family.num_params()) = each.rowwise().mean();
    if (each.allFinite()) learn(family, lambda, batch, score, each);
    return batch.objective(options_);
  }

 private:
  /// A step down the mean of |e_l|^2, e_l = (f - c(z_l)) h_l + J_l' grad c(z_l): its derivative in
  /// the surrogate's weights phi is -2 (e_l'h_l) dc/dphi + 2 d/dphi (J_l e_l)' grad c, where the
  /// derivative along J_l e_l is a central difference. (An error of it slows learning and biases
  /// nothing.)
  void learn(const ParametricFamily& family, std::span<const double> lambda, const DrawBatch& batch,
             const Matrix& score, const Matrix& each) {
    const Index n = batch.size();
    const auto count = static_cast<double>(n);
    std::vector<double> gradient(surrogate_->num_params());
    const Vector along_score = -2 / count * (each.array() * score.array()).colwise().sum();
    surrogate_->add_gradient(batch.points, along_score, gradient);

    const Matrix pushed = push_forward(family, lambda, batch, each);
    constexpr double kStep = 1e-4;  // in deviations of q
    const Matrix whitened = pushed.array().colwise() / surrogate_->scale().array();
    const Vector norms = whitened.colwise().norm().cwiseMax(1e-300);
    const Matrix move = pushed.array().rowwise() * (kStep / norms.array()).transpose();
    const Vector weights = norms / (kStep * count);
    surrogate_->add_gradient(batch.points + move, weights, gradient);
    surrogate_->add_gradient(batch.points - move, -weights, gradient);
    if (std::all_of(gradient.begin(), gradient.end(), [](double g) { return std::isfinite(g); })) {
      surrogate_->descend(gradient);
    }
  }

  /// Column l: the derivative of t(noise_l, lambda) along directions.col(l), by differences.
  static Matrix push_forward(const ParametricFamily& family, std::span<const double> lambda,
                             const DrawBatch& batch, const Matrix& directions) {
    constexpr double kStep = 1e-5;
    Matrix result(family.dim(), batch.size()), up(family.dim(), 1), down(family.dim(), 1);
    Vector log_q(1);
    std::vector<double> moved(lambda.size());
    for (Index l = 0; l < batch.size(); ++l) {
      const Matrix noise = batch.noise.col(l);
      const double norm = std::max(directions.col(l).norm(), 1e-300);
      for (const double sign : {1.0, -1.0}) {
        for (size_t p = 0; p < moved.size(); ++p) {
          moved[p] = lambda[p] + sign * kStep / norm * directions(static_cast<Index>(p), l);
        }
        family.transform(moved, lanes_of(noise), mutable_lanes(sign > 0 ? up : down),
                         span_of(log_q));
      }
      result.col(l) = (up - down).col(0) * (norm / (2 * kStep));
    }
    return result;
  }

  LaxOptions lax_;
  std::optional<Surrogate> surrogate_;
};

}  // namespace

EstimatorPtr lax_estimator(const EstimatorOptions& options, const LaxOptions& lax) {
  return std::make_unique<Lax>(options, lax);
}

}  // namespace vinci::infer
