// Score-function gradients of the ELBO: plain, with the score as control variate, with the mean of
// the other draws as baseline.
#include <fmt/format.h>

#include <memory>

#include "infer/estimator/draw_batch.h"

namespace vinci::infer {
namespace {

class Score final : public GradientEstimator {
 public:
  enum class Control { kNone, kScore, kLeaveOneOut };
  Score(const EstimatorOptions& options, Control control)
      : GradientEstimator(options), control_(control) {}

  std::string name() const override {
    switch (control_) {
      case Control::kNone:
        return with_noise("score");
      case Control::kScore:
        return "score, control variate";
      case Control::kLeaveOneOut:
        return "score, leave one out";
    }
    return "";
  }

  std::string obstacle(const ParametricFamily& family) const override {
    const Index least = control_ == Control::kScore ? 4 : control_ == Control::kLeaveOneOut ? 2 : 1;
    if (options_.draws < least) return fmt::format("it takes at least {} draws", least);
    if (control_ != Control::kNone && options_.noise != NoiseKind::kIndependent) {
      return "its coefficients need independent draws";
    }
    return GradientEstimator::obstacle(family);
  }

  double estimate(Objective& objective, const ParametricFamily& family,
                  std::span<const double> lambda, numeric::RandomKey key, uint32_t step,
                  std::span<double> gradient) override {
    const DrawBatch batch =
        draw_batch(objective, family, lambda, options_, /*with_gradient=*/false, key, step);
    const Index n = batch.size();
    Matrix score(family.num_params(), n);
    family.score(lambda, lanes_of(batch.points), mutable_lanes(score));
    const Vector f = batch.log_ratios(options_);
    Eigen::Map<Vector> g(gradient.data(), static_cast<Index>(gradient.size()));
    switch (control_) {
      case Control::kNone:
        g.noalias() = score * f / static_cast<double>(n);
        break;
      case Control::kLeaveOneOut:
        g.noalias() = score * (f.array() - f.mean()).matrix() / static_cast<double>(n - 1);
        break;
      case Control::kScore: {
        const Index half = n / 2;
        g = add_half(score, f, 0, half, n) + add_half(score, f, half, n, n);
        g /= static_cast<double>(n);
        break;
      }
    }
    return batch.objective(options_);
  }

 private:
  /// sum over draws [begin, end) of (f - a) h with a from the others.
  static Vector add_half(const Matrix& score, const Vector& f, Index begin, Index end, Index n) {
    const Index other = begin == 0 ? end : 0, count = n - (end - begin);
    const auto h = score.middleCols(other, count);
    const Matrix fh = h.array().rowwise() * f.segment(other, count).transpose().array();
    const Matrix centred = h.colwise() - h.rowwise().mean();
    const Vector covariance = (fh.array() * centred.array()).rowwise().sum();
    const Vector variance = centred.rowwise().squaredNorm();
    const Vector a = (variance.array() > 0).select(covariance.array() / variance.array(), 0.0);
    const auto own = score.middleCols(begin, end - begin);
    return own * f.segment(begin, end - begin) - a.cwiseProduct(own.rowwise().sum());
  }

  Control control_;
};

}  // namespace

EstimatorPtr score_estimator(const EstimatorOptions& options) {
  return std::make_unique<Score>(options, Score::Control::kNone);
}
EstimatorPtr score_control_variate_estimator(const EstimatorOptions& options) {
  return std::make_unique<Score>(options, Score::Control::kScore);
}
EstimatorPtr leave_one_out_estimator(const EstimatorOptions& options) {
  return std::make_unique<Score>(options, Score::Control::kLeaveOneOut);
}

}  // namespace vinci::infer
