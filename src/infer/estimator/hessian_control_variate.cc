// The pathwise gradient of mean-field normals with its linearisation as control variate.
#include <memory>

#include "infer/estimator/draw_batch.h"
#include "infer/family/mean_field_normal_family.h"

namespace vinci::infer {
namespace {

class HessianControlVariate final : public GradientEstimator {
 public:
  HessianControlVariate(const EstimatorOptions& options, bool with_scale)
      : GradientEstimator(options), with_scale_(with_scale) {}

  std::string name() const override {
    return with_noise(with_scale_ ? "Hessian control variate"
                                  : "Hessian control variate, means only");
  }

  std::string obstacle(const ParametricFamily& family) const override {
    if (dynamic_cast<const MeanFieldNormalFamily*>(&family) == nullptr) {
      return "it is for mean-field normals";
    }
    return GradientEstimator::obstacle(family);
  }

  double estimate(Objective& objective, const ParametricFamily& family,
                  std::span<const double> lambda, numeric::RandomKey key, uint32_t step,
                  std::span<double> gradient) override {
    const DrawBatch batch =
        draw_batch(objective, family, lambda, options_, /*with_gradient=*/true, key, step);
    const Index dim = family.dim(), n = batch.size();
    const Eigen::Map<const Vector> mean(lambda.data(), dim);
    const Vector sd = Eigen::Map<const Vector>(lambda.data() + dim, dim).array().exp();

    Matrix at_mean = mean, slope(dim, 1);
    Vector value(1);
    objective.evaluate(lanes_of(at_mean), span_of(value), mutable_lanes(slope));
    const Matrix points = mean.replicate(1, n);
    const Matrix directions = batch.noise.array().colwise() * sd.array();
    Matrix products(dim, n);
    objective.hessian_vector(lanes_of(points), lanes_of(directions), mutable_lanes(products));

    const Matrix adjoint = pathwise_adjoint(batch, family, lambda, options_.temperature, 0);
    const Matrix rest =
        adjoint - options_.temperature * (products.colwise() + Vector(slope.col(0)));
    Eigen::Map<Vector> g(gradient.data(), 2 * dim);
    g.head(dim) = rest.rowwise().mean() + options_.temperature * slope.col(0);
    if (with_scale_) {
      const Matrix identity = Matrix::Identity(dim, dim);
      const Matrix means = mean.replicate(1, dim);
      Matrix hessian(dim, dim);
      objective.hessian_vector(lanes_of(means), lanes_of(identity), mutable_lanes(hessian));
      g.tail(dim) = (rest.array() * batch.noise.array()).rowwise().mean() * sd.array() +
                    options_.temperature * sd.array().square() * hessian.diagonal().array();
    } else {
      g.tail(dim) = (adjoint.array() * batch.noise.array()).rowwise().mean() * sd.array();
    }
    g.tail(dim).array() += options_.entropy_weight;
    return batch.objective(options_);
  }

 private:
  bool with_scale_;
};

}  // namespace

EstimatorPtr hessian_control_variate_estimator(const EstimatorOptions& options, bool with_scale) {
  return std::make_unique<HessianControlVariate>(options, with_scale);
}

}  // namespace vinci::infer
