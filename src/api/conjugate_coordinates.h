// A conjugate network in the unconstrained coordinates of a model: q and the density as inference
// knows them, and the states that were summed out.
#pragma once

#include <memory>
#include <vector>

#include "conjugate/compile.h"
#include "conjugate/symmetry.h"
#include "infer/family/family.h"
#include "model/model.h"
#include "vinci/log_density.h"

namespace vinci::exec {
class ExecutionPlan;
}

namespace vinci::api {

/// Leaves (on the constrained scale) to coordinates and back. Thread-safe.
class ConjugateCoordinates {
 public:
  /// `model` is of the same program and data; it is not kept.
  ConjugateCoordinates(std::shared_ptr<const conjugate::Conjugate> network,
                       const model::Model& model);
  ~ConjugateCoordinates();

  const conjugate::Conjugate& conjugate() const { return *network_; }
  Index dim() const { return dim_; }
  size_t num_leaves() const { return network_->statements.leaves.size(); }
  /// Coordinates of the continuous leaves; false where a leaf lies on the boundary.
  bool to_coordinates(std::span<const double> values, std::vector<double>& coordinates) const;
  /// Sets the continuous leaves at the points: values[lane][leaf]; and log |d leaves / d
  /// coordinates|.
  void to_leaves(LaneMatrix points, std::vector<std::vector<double>>& values,
                 std::span<double> log_jacobian) const;
  /// Of each leaf, its position among the model's constrained values.
  const std::vector<int64_t>& positions() const { return position_; }
  /// Of each discrete variable of the model, its leaf.
  const std::vector<int32_t>& discrete_leaves() const { return discrete_; }

 private:
  std::shared_ptr<const conjugate::Conjugate> network_;
  Index dim_;
  std::vector<int64_t> position_;
  std::vector<int32_t> discrete_;
  std::unique_ptr<exec::ExecutionPlan> plan_;  // from points to leaves and the log Jacobian
  std::vector<int32_t> output_leaves_;
};

/// q: a product of the variables' distributions, or its image under a map of the leaves.
class ConjugateFamily final : public infer::Family {
 public:
  /// `map`: empty, or without turned signs.
  explicit ConjugateFamily(std::shared_ptr<const ConjugateCoordinates> coordinates,
                           conjugate::LeafMap map = {})
      : coordinates_(std::move(coordinates)), map_(std::move(map)), back_(map_.inverse()) {}
  Index dim() const override { return coordinates_->dim(); }
  std::string describe() const override { return "product of conjugate distributions"; }
  double entropy() const override;
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;

 private:
  std::shared_ptr<const ConjugateCoordinates> coordinates_;
  conjugate::LeafMap map_, back_;
};

/// log p(x, theta) with discrete parameters summed out by the network (Network::log_density):
/// without an elimination, and at the cost of a bound. It has no gradient.
class ConjugateDensity final : public LogDensity {
 public:
  explicit ConjugateDensity(std::shared_ptr<const ConjugateCoordinates> coordinates)
      : coordinates_(std::move(coordinates)) {}
  Index dim() const override { return coordinates_->dim(); }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override;

 private:
  std::shared_ptr<const ConjugateCoordinates> coordinates_;
};

/// The discrete variables of the model given the coordinates, as model::StatePosterior has them:
/// joint draws states[m][lane] (lane l is draw number first + l of `seed`), and the sum of their
/// probabilities over lanes, weighted, one variable after the other.
void draw_states(const ConjugateCoordinates& coordinates, LaneMatrix points, uint64_t seed,
                 uint64_t first, MutableLaneMatrix states);
void add_state_probabilities(const ConjugateCoordinates& coordinates, LaneMatrix points,
                             std::span<const double> weights, std::span<double> sum);

}  // namespace vinci::api
