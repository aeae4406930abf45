#include "model/recentred_plan.h"

#include <algorithm>
#include <vector>

#include "graph/passes/passes.h"

namespace vinci::model {

namespace {

std::unique_ptr<exec::ExecutionPlan> plan_of(const graph::Graph& graph,
                                             std::vector<graph::Scalar> coordinates,
                                             graph::Scalar log_abs_det) {
  coordinates.push_back(log_abs_det);
  exec::PlanOptions options;
  options.terms = false;
  options.outputs = coordinates;
  return std::make_unique<exec::ExecutionPlan>(graph, options);
}

void map_points(const exec::ExecutionPlan& plan, LaneMatrix from, MutableLaneMatrix to,
                std::span<double> log_abs_det) {
  const Index rows = from.rows + 1;
  constexpr Index kBlock = 64;
  std::vector<double> block(static_cast<size_t>(rows * kBlock));
  for (Index first = 0; first < from.lanes; first += kBlock) {
    const Index used = std::min(kBlock, from.lanes - first);
    const MutableLaneMatrix out{block.data(), rows, used, kBlock};
    plan.evaluate_outputs({from.data + first, from.rows, used, from.stride}, out);
    for (Index r = 0; r < from.rows; ++r) std::copy_n(out.row(r), used, to.row(r) + first);
    std::copy_n(out.row(from.rows), used, log_abs_det.begin() + first);
  }
}

}  // namespace

RecentredPlan::RecentredPlan(const graph::Graph& traced, std::span<const graph::Term> terms,
                             std::span<const double> constants, std::span<const graph::Site> sites,
                             std::span<const double> centring)
    : dim_(traced.num_parameters()) {
  graph::Recentred forward = graph::recentre(traced, terms, constants, sites, centring);
  to_original_ = plan_of(forward.graph, forward.original, forward.log_abs_det_jacobian);
  graph_ = std::move(forward.graph);
  graph::run_passes(graph_);
  density_ = std::make_unique<exec::ExecutionPlan>(graph_);
  hessian_vector_ = std::make_unique<HessianVector>(graph_, *density_, dim_);
  const graph::Uncentred back = graph::to_recentred(traced, sites, centring);
  from_original_ = plan_of(back.graph, back.recentred, back.log_abs_det_jacobian);
}

void RecentredPlan::hessian_vector(LaneMatrix points, LaneMatrix directions,
                                   MutableLaneMatrix products) const {
  if (hessian_vector_->is_exact()) {
    hessian_vector_->evaluate(points, directions, products);
  } else {
    LogDensity::hessian_vector(points, directions, products);
  }
}

void RecentredPlan::to_original(LaneMatrix points, MutableLaneMatrix original,
                                std::span<double> log_abs_det_jacobian) const {
  map_points(*to_original_, points, original, log_abs_det_jacobian);
}

void RecentredPlan::from_original(LaneMatrix original, MutableLaneMatrix points,
                                  std::span<double> log_abs_det_jacobian) const {
  map_points(*from_original_, original, points, log_abs_det_jacobian);
}

}  // namespace vinci::model
