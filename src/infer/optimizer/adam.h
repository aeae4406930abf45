// Adam: a step per coordinate, scaled by running moments of its gradient.
#pragma once

#include <cmath>
#include <span>
#include <vector>

namespace vinci::infer {

/// [Kingma and Ba 2015, arXiv 1412.6980, algorithm 1]
class Adam {
 public:
  explicit Adam(size_t size, double beta1 = 0.9, double beta2 = 0.999)
      : beta1_(beta1), beta2_(beta2), first_(size, 0.0), second_(size, 0.0) {}

  /// Writes the direction of ascent, each component within about [-1, 1], for this gradient.
  void direction(std::span<const double> gradient, std::span<double> out) {
    ++count_;
    const double correct1 = 1 - std::pow(beta1_, count_), correct2 = 1 - std::pow(beta2_, count_);
    for (size_t i = 0; i < first_.size(); ++i) {
      first_[i] += (1 - beta1_) * (gradient[i] - first_[i]);
      second_[i] += (1 - beta2_) * (gradient[i] * gradient[i] - second_[i]);
      out[i] = first_[i] / correct1 / (std::sqrt(second_[i] / correct2) + 1e-12);
    }
  }

 private:
  double beta1_, beta2_;
  double count_ = 0;
  std::vector<double> first_, second_;
};

}  // namespace vinci::infer
