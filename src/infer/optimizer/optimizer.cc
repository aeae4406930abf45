#include "infer/optimizer/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "infer/dense.h"
#include "infer/optimizer/adam.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

using Map = Eigen::Map<Vector>;
using ConstMap = Eigen::Map<const Vector>;

Map map(std::span<double> x) { return {x.data(), static_cast<Index>(x.size())}; }
ConstMap map(std::span<const double> x) { return {x.data(), static_cast<Index>(x.size())}; }

class Sgd final : public Optimizer {
 public:
  Sgd(double rate, double power, double delay) : Optimizer(rate), power_(power), delay_(delay) {}
  std::string name() const override { return "sgd"; }
  void step(std::span<double> lambda, std::span<const double> gradient) override {
    map(lambda) += rate_ * std::pow(1 + count_ / delay_, -power_) * map(gradient);
    ++count_;
  }
  void reset() override { count_ = 0; }

 private:
  double power_, delay_, count_ = 0;
};

class Momentum final : public Optimizer {
 public:
  Momentum(double rate, double friction) : Optimizer(rate), friction_(friction) {}
  std::string name() const override { return "momentum"; }
  void step(std::span<double> lambda, std::span<const double> gradient) override {
    if (velocity_.size() == 0) velocity_ = Vector::Zero(static_cast<Index>(lambda.size()));
    velocity_ = friction_ * velocity_ + map(gradient);
    map(lambda) += rate_ * velocity_;
  }
  void reset() override { velocity_.resize(0); }

 private:
  double friction_;
  Vector velocity_;
};

/// AdaGrad (decay 1: sums) and RMSProp (running means that start at the first gradient's square).
class SquareScaled final : public Optimizer {
 public:
  SquareScaled(double rate, double decay) : Optimizer(rate), decay_(decay) {}
  std::string name() const override { return decay_ == 1 ? "adagrad" : "rmsprop"; }
  void step(std::span<double> lambda, std::span<const double> gradient) override {
    const auto g = map(gradient).array();
    if (squares_.size() == 0) {
      squares_ = g.square();
    } else if (decay_ == 1) {
      squares_.array() += g.square();
    } else {
      squares_.array() += (1 - decay_) * (g.square() - squares_.array());
    }
    // A coordinate that never had a gradient stays where it is.
    map(lambda).array() += rate_ * g / (squares_.array().sqrt() + 1e-300);
  }
  void reset() override { squares_.resize(0); }

 private:
  double decay_;
  Vector squares_;
};

class AdamOptimizer final : public Optimizer {
 public:
  AdamOptimizer(double rate, double beta1, double beta2)
      : Optimizer(rate), beta1_(beta1), beta2_(beta2) {}
  std::string name() const override { return "adam"; }
  void step(std::span<double> lambda, std::span<const double> gradient) override {
    if (!adam_) {
      adam_ = std::make_unique<Adam>(lambda.size(), beta1_, beta2_);
      direction_.resize(static_cast<Index>(lambda.size()));
    }
    adam_->direction(gradient, span_of(direction_));
    map(lambda) += rate_ * direction_;
  }
  void reset() override { adam_.reset(); }

 private:
  double beta1_, beta2_;
  std::unique_ptr<Adam> adam_;
  Vector direction_;
};

class NaturalMeanField final : public Optimizer {
 public:
  using Optimizer::Optimizer;
  std::string name() const override { return "natural gradient"; }
  void step(std::span<double> lambda, std::span<const double> gradient) override {
    const auto dim = static_cast<Index>(lambda.size() / 2);
    auto mean = map(lambda).head(dim).array();
    auto log_sd = map(lambda).tail(dim).array();
    const auto g = map(gradient).array();
    const Eigen::ArrayXd sd = log_sd.exp();
    const Eigen::ArrayXd move = (rate_ * sd * g.head(dim)).max(-2.0).min(2.0);
    mean += sd * move;
    log_sd += (0.5 * rate_ * g.tail(dim)).max(-0.5).min(0.5);
  }
  void reset() override {}
};

class Dowg final : public Optimizer {
 public:
  explicit Dowg(double radius) : Optimizer(1), radius_(radius) {}
  std::string name() const override { return "dowg"; }
  void step(std::span<double> lambda, std::span<const double> gradient) override {
    auto x = map(lambda);
    if (start_.size() == 0) {
      start_ = x;
      distance_ = radius_ * (1 + start_.norm());
    }
    distance_ = std::max(distance_, (x - start_).norm());
    weighted_ += distance_ * distance_ * map(gradient).squaredNorm();
    if (weighted_ > 0) x += distance_ * distance_ / std::sqrt(weighted_) * map(gradient);
  }
  void reset() override {
    start_.resize(0);
    weighted_ = 0;
  }

 private:
  double radius_, distance_ = 0, weighted_ = 0;
  Vector start_;
};

}  // namespace

Optimizer::Optimizer(double rate) : rate_(0) { set_rate(rate); }

void Optimizer::set_rate(double rate) {
  if (!(rate > 0) || !std::isfinite(rate)) {
    throw Error(Error::Kind::kUsage,
                fmt::format("the rate is {}; it must be positive and finite.", rate));
  }
  rate_ = rate;
}

OptimizerPtr sgd(double rate, double power, double delay) {
  return std::make_unique<Sgd>(rate, power, delay);
}
OptimizerPtr momentum(double rate, double friction) {
  return std::make_unique<Momentum>(rate, friction);
}
OptimizerPtr adagrad(double rate) { return std::make_unique<SquareScaled>(rate, 1.0); }
OptimizerPtr rmsprop(double rate, double decay) {
  return std::make_unique<SquareScaled>(rate, decay);
}
OptimizerPtr adam(double rate, double beta1, double beta2) {
  return std::make_unique<AdamOptimizer>(rate, beta1, beta2);
}
OptimizerPtr natural_mean_field(double rate) { return std::make_unique<NaturalMeanField>(rate); }
OptimizerPtr dowg(double radius) { return std::make_unique<Dowg>(radius); }

}  // namespace vinci::infer
