#include "deep/core/optimizer.h"

#include <cmath>

#include "base/check.h"
#include "deep/core/kernels.h"

namespace vinci::deep {
namespace {

class Adam : public Optimizer {
 public:
  Adam(const Config& config, const Parameters& parameters)
      : beta1_(config.number("beta1")),
        beta2_(config.number("beta2")),
        epsilon_(config.number("epsilon")),
        decay_(config.number("weight-decay")),
        parameters_(parameters.trained()),
        count_(at::zeros({1}, at::kDouble)) {
    for (const Tensor& value : parameters_) {
      first_.push_back(at::zeros_like(value).detach());
      second_.push_back(at::zeros_like(value).detach());
    }
  }

  void step(const std::vector<Tensor>& gradients, const std::vector<double>& learning_rates,
            double scale) override {
    WithoutGradient scope;
    count_ += 1;
    const double t = count_.item<double>();
    const double correction1 = 1 - std::pow(beta1_, t);
    const double root2 = std::sqrt(1 - std::pow(beta2_, t));
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (!gradients[i].defined()) continue;
      const double step_size = learning_rates[i] * root2 / correction1;
      Tensor p = parameters_[i];
      if (p.device().is_cpu()) {
        const Tensor g = gradients[i].contiguous();
        const AdamStep step{static_cast<float>(step_size), static_cast<float>(beta1_),
                            static_cast<float>(beta2_),    static_cast<float>(epsilon_ * root2),
                            static_cast<float>(decay_),    static_cast<float>(scale)};
        VINCI_SIMD_SELECT(adam)
        (p.data_ptr<float>(), g.data_ptr<float>(), first_[i].data_ptr<float>(),
         second_[i].data_ptr<float>(), p.numel(), step);
        continue;
      }
      const Tensor g = gradients[i] * scale + decay_ * p;
      first_[i].mul_(beta1_).add_(g, 1 - beta1_);
      second_[i].mul_(beta2_).addcmul_(g, g, 1 - beta2_);
      p.addcdiv_(first_[i], second_[i].sqrt().add_(epsilon_ * root2), -step_size);
    }
  }

  std::vector<std::pair<std::string, Tensor>> state() override {
    std::vector<std::pair<std::string, Tensor>> all = {{"count", count_}};
    for (size_t i = 0; i < parameters_.size(); ++i) {
      all.emplace_back("first." + std::to_string(i), first_[i]);
      all.emplace_back("second." + std::to_string(i), second_[i]);
    }
    return all;
  }

 private:
  double beta1_, beta2_, epsilon_, decay_;
  std::vector<Tensor> parameters_;
  Tensor count_;
  std::vector<Tensor> first_, second_;
};

/// The optimisers that keep one number a parameter.
class OneMoment : public Optimizer {
 public:
  enum class Rule : uint8_t { kMomentum, kRmsProp, kAdaGrad };
  OneMoment(Rule rule, const Config& config, const Parameters& parameters)
      : rule_(rule),
        momentum_(config.number("momentum")),
        beta2_(config.number("beta2")),
        epsilon_(config.number("epsilon")),
        decay_(config.number("weight-decay")),
        parameters_(parameters.trained()) {
    for (const Tensor& value : parameters_) moment_.push_back(at::zeros_like(value).detach());
  }

  void step(const std::vector<Tensor>& gradients, const std::vector<double>& learning_rates,
            double scale) override {
    WithoutGradient scope;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (!gradients[i].defined()) continue;
      Tensor p = parameters_[i];
      Tensor& moment = moment_[i];
      const Tensor g = gradients[i] * scale + decay_ * p;
      switch (rule_) {
        case Rule::kMomentum:
          p.add_(moment.mul_(momentum_).add_(g), -learning_rates[i]);
          break;
        case Rule::kRmsProp:
          moment.mul_(beta2_).addcmul_(g, g, 1 - beta2_);
          p.addcdiv_(g, moment.sqrt().add_(epsilon_), -learning_rates[i]);
          break;
        case Rule::kAdaGrad:
          moment.addcmul_(g, g);
          p.addcdiv_(g, moment.sqrt().add_(epsilon_), -learning_rates[i]);
          break;
      }
    }
  }

  std::vector<std::pair<std::string, Tensor>> state() override {
    std::vector<std::pair<std::string, Tensor>> all;
    for (size_t i = 0; i < moment_.size(); ++i)
      all.emplace_back("moment." + std::to_string(i), moment_[i]);
    return all;
  }

 private:
  Rule rule_;
  double momentum_, beta2_, epsilon_, decay_;
  std::vector<Tensor> parameters_;
  std::vector<Tensor> moment_;
};

}  // namespace

std::span<const Setting> optimizer_settings() {
  static const std::vector<Setting> settings = {
      {.name = "optimizer",
       .value = std::string("adam"),
       .help = "how a gradient becomes a step",
       .choices = {"adam", "sgd", "rmsprop", "adagrad"}},
      {.name = "beta1",
       .value = 0.9,
       .help = "Adam: memory of the gradient",
       .minimum = 0,
       .maximum = 0.999999},
      {.name = "beta2",
       .value = 0.999,
       .help = "Adam, RMSProp: memory of its square",
       .minimum = 0,
       .maximum = 0.9999999},
      {.name = "epsilon",
       .value = 1e-8,
       .help = "Adam, RMSProp, AdaGrad: added to the root of the mean square",
       .minimum = 0,
       .maximum = 1},
      {.name = "momentum",
       .value = 0.0,
       .help = "sgd: share of the last step that is kept",
       .minimum = 0,
       .maximum = 0.9999},
      {.name = "weight-decay",
       .value = 0.0,
       .help = "precision of a normal prior on the weights, per example of the loss",
       .minimum = 0,
       .maximum = 1e3},
  };
  return settings;
}

std::unique_ptr<Optimizer> make_optimizer(const Config& config, const Parameters& parameters) {
  const std::string& name = config.text("optimizer");
  using Rule = OneMoment::Rule;
  if (name == "adam") return std::make_unique<Adam>(config, parameters);
  if (name == "sgd") return std::make_unique<OneMoment>(Rule::kMomentum, config, parameters);
  if (name == "rmsprop") return std::make_unique<OneMoment>(Rule::kRmsProp, config, parameters);
  VINCI_CHECK(name == "adagrad");
  return std::make_unique<OneMoment>(Rule::kAdaGrad, config, parameters);
}

double gradient_norm(const std::vector<Tensor>& gradients) {
  double sum = 0;
  for (const Tensor& gradient : gradients) {
    if (!gradient.defined()) continue;
    const Tensor flat = gradient.detach().reshape({-1});
    sum += flat.dot(flat).item<double>();
  }
  return std::sqrt(sum);
}

}  // namespace vinci::deep
