// A model's density in other coordinates, compiled like the model itself.
#pragma once

#include <memory>
#include <span>

#include "exec/plan.h"
#include "graph/centring.h"
#include "graph/hessian_pattern.h"
#include "model/hessian_vector.h"
#include "model/recentrable.h"

namespace vinci::model {

class RecentredPlan final : public Recentred {
 public:
  /// See graph::recentre.
  RecentredPlan(const graph::Graph& traced, std::span<const graph::Term> terms,
                std::span<const double> constants, std::span<const graph::Site> sites,
                std::span<const double> centring);

  Index dim() const override { return dim_; }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override {
    density_->evaluate(points, value, gradient);
  }
  /// Exact where those of the model are.
  void hessian_vector(LaneMatrix points, LaneMatrix directions,
                      MutableLaneMatrix products) const override;
  bool has_exact_hessian_vector() const override { return hessian_vector_->is_exact(); }
  std::optional<graph::CoordinatePairs> hessian_pattern(size_t max_pairs) const override {
    return graph::hessian_pattern(graph_, max_pairs);
  }
  void to_original(LaneMatrix points, MutableLaneMatrix original,
                   std::span<double> log_abs_det_jacobian) const override;
  void from_original(LaneMatrix original, MutableLaneMatrix points,
                     std::span<double> log_abs_det_jacobian) const override;

  const exec::ExecutionPlan& plan() const { return *density_; }

 private:
  Index dim_;
  graph::Graph graph_;
  std::unique_ptr<exec::ExecutionPlan> density_;
  std::unique_ptr<const HessianVector> hessian_vector_;
  std::unique_ptr<exec::ExecutionPlan> to_original_;    // D coordinates, then the Jacobian
  std::unique_ptr<exec::ExecutionPlan> from_original_;  // the same
};

}  // namespace vinci::model
