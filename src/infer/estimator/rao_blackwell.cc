// The score function with the Markov blanket of each coordinate in place of the whole density.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <utility>

#include "infer/estimator/draw_batch.h"
#include "infer/family/mean_field_normal_family.h"

namespace vinci::infer {
namespace {

class RaoBlackwell final : public GradientEstimator {
 public:
  RaoBlackwell(const EstimatorOptions& options, BlanketFunction blanket, bool leave_one_out)
      : GradientEstimator(options), blanket_(std::move(blanket)), leave_one_out_(leave_one_out) {}

  std::string name() const override {
    return leave_one_out_ ? "score, Rao-Blackwell, leave one out"
                          : with_noise("score, Rao-Blackwell");
  }

  std::string obstacle(const ParametricFamily& family) const override {
    if (dynamic_cast<const MeanFieldNormalFamily*>(&family) == nullptr) {
      return "it is for mean-field normals";
    }
    if (leave_one_out_) {
      if (options_.draws < 2) return "it takes at least 2 draws";
      if (options_.noise != NoiseKind::kIndependent) return "its baseline needs independent draws";
    }
    return GradientEstimator::obstacle(family);
  }

  double estimate(Objective& objective, const ParametricFamily& family,
                  std::span<const double> lambda, numeric::RandomKey key, uint32_t step,
                  std::span<double> gradient) override {
    const DrawBatch batch =
        draw_batch(objective, family, lambda, options_, /*with_gradient=*/false, key, step);
    const Index dim = family.dim(), n = batch.size();
    Matrix sums(dim, n), score(2 * dim, n);
    blanket_(lanes_of(batch.points), mutable_lanes(sums));
    objective.count(n);
    family.score(lambda, lanes_of(batch.points), mutable_lanes(score));
    const double constant = 0.5 * std::log(2 * std::numbers::pi);
    for (Index i = 0; i < dim; ++i) {
      // log q_i = -u^2 / 2 - log s - constant.
      const auto u = batch.noise.row(i).array();
      Eigen::ArrayXd f =
          options_.temperature * sums.row(i).array().transpose() +
          options_.entropy_weight *
              (0.5 * u.square().transpose() + (lambda[static_cast<size_t>(dim + i)] + constant));
      cut_to_finite(batch, f);
      double denominator = static_cast<double>(n);
      if (leave_one_out_) {
        f -= f.mean();
        denominator -= 1;
      }
      for (const Index p : {i, dim + i}) {
        gradient[static_cast<size_t>(p)] = score.row(p).dot(f.matrix()) / denominator;
      }
    }
    return batch.objective(options_);
  }

 private:
  /// The smallest finite value stands in for draws of zero density and for what is not finite.
  static void cut_to_finite(const DrawBatch& batch, Eigen::ArrayXd& f) {
    const auto fine = [&](Index l) { return std::isfinite(f[l]) && std::isfinite(batch.log_p[l]); };
    double least = std::numeric_limits<double>::infinity();
    for (Index l = 0; l < f.size(); ++l) {
      if (fine(l)) least = std::min(least, f[l]);
    }
    if (!std::isfinite(least)) least = 0;
    for (Index l = 0; l < f.size(); ++l) {
      if (!fine(l)) f[l] = least;
    }
  }

  BlanketFunction blanket_;
  bool leave_one_out_;
};

}  // namespace

EstimatorPtr rao_blackwell_estimator(const EstimatorOptions& options, BlanketFunction blanket,
                                     bool leave_one_out) {
  return std::make_unique<RaoBlackwell>(options, std::move(blanket), leave_one_out);
}

}  // namespace vinci::infer
