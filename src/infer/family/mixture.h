// q = sum_k w_k q_k: a mixture of normals of one dimension.
#pragma once

#include <vector>

#include "infer/family/family.h"

namespace vinci::infer {

class Mixture final : public Family {
 public:
  /// weights: >= 0, normalised here; at least one component.
  Mixture(std::vector<NormalPtr> components, std::vector<double> weights);

  Index dim() const override { return components_.front()->dim(); }
  std::string describe() const override;
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;
  double entropy() const override;

  const std::vector<NormalPtr>& components() const { return components_; }
  const std::vector<double>& weights() const { return weights_; }

 private:
  std::vector<NormalPtr> components_;
  std::vector<double> weights_;
};

}  // namespace vinci::infer
