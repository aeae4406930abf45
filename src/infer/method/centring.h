// Learned centring: a hierarchy's sites get the coordinates in which the posterior is nearest to
// normal.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "infer/family/full_rank_normal.h"
#include "infer/judgement.h"
#include "infer/ladder.h"
#include "infer/objective.h"
#include "model/recentrable.h"

namespace vinci::infer {

/// For each site the c at which the conditional variance of x_c = c location + scale^c u does not
/// change with the scale, to first order: given all other coordinates, u has precision
/// H = h0 + lambda scale^2 with h0 from its prior and lambda from the data, so
/// log Var(x_c) = 2c log scale - log H, which is level where c = lambda scale^2 / H = 1 - h0 / H.
/// H is taken by central differences of the gradient of `non_centred` (all sites at c = 0) at
/// `points` draws of q (of the original coordinates), and c averaged over them; rounded to eighths,
/// so that sites share powers of their scale. 2 (points) (sites) evaluations, counted by
/// `objective`, which is that of `non_centred`. [cf. Papaspiliopoulos, Roberts, Skold 2007,
/// doi 10.1214/088342307000000014, for the centring of locations; Gorinova, Moore, Hoffman 2020,
/// ICML, for the coordinates, there with c learned by gradient ascent]
std::vector<double> balance_centring(Objective& objective, const model::Recentrable& density,
                                     const model::Recentred& non_centred, const Family& q,
                                     Index points, numeric::RandomKey key);

struct CentringOptions {
  uint64_t seed = 1;
  uint32_t first_stream = 0;  // and the 15 after it
  double gap_tolerance = 0.01;
  Index max_iterations = 1200;  // of natural gradient, in each round
  Index max_rounds = 3;
  Index evaluations = 4096;   // for learning the centring, in each round; about
  Index max_dense_dim = 500;  // beyond it only normals with sparse precision are fitted
};

struct CentringResult {
  /// In these coordinates; null where the program's own are as good as any.
  std::shared_ptr<const model::Recentred> density;
  std::vector<double> centring;         // of Recentrable::sites()
  NormalPtr normal;                     // over the coordinates of `density`
  std::optional<FullRankNormal> dense;  // the same, up to max_dense_dim
  double elbo = -std::numeric_limits<double>::infinity();
  double gap = std::numeric_limits<double>::infinity();
  double gap_error = std::numeric_limits<double>::infinity();
  bool converged = false;
  Index rounds = 0;
};

/// A density whose coordinates can be changed for a while: what an objective sees of a model that
/// is fitted in more than one way, so that all evaluations have one count and one budget.
class CurrentCoordinates final : public LogDensity {
 public:
  explicit CurrentCoordinates(const LogDensity& original) : current_(&original) {}

  Index dim() const override { return current_->dim(); }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override {
    current_->evaluate(points, value, gradient);
  }
  void hessian_vector(LaneMatrix points, LaneMatrix directions,
                      MutableLaneMatrix products) const override {
    current_->hessian_vector(points, directions, products);
  }
  bool has_exact_hessian_vector() const override { return current_->has_exact_hessian_vector(); }
  std::optional<std::vector<std::pair<std::int32_t, std::int32_t>>> hessian_pattern(
      std::size_t max_pairs) const override {
    return current_->hessian_pattern(max_pairs);
  }

  /// While it lives, evaluations are those of `density`.
  class Scope {
   public:
    Scope(CurrentCoordinates& coordinates, const LogDensity& density)
        : coordinates_(coordinates), previous_(coordinates.current_) {
      coordinates.current_ = &density;
    }
    ~Scope() { coordinates_.current_ = previous_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    CurrentCoordinates& coordinates_;
    const LogDensity* previous_;
  };

 private:
  const LogDensity* current_;
};

/// Learns the centring from q, a fit in the original coordinates, and fits a normal in the new
/// ones, starting from the moments of q there; then once more from that. Up to max_dense_dim the
/// normal is full-rank; beyond, its precision is sparse where that pays (plan_where_it_pays).
/// `coordinates` is (under a wrapper that spreads it over threads, perhaps) what `objective`
/// evaluates. Where no site would move by more than an eighth, or no normal can be had, the result
/// is null.
CentringResult fit_recentred(Objective& objective, CurrentCoordinates& coordinates,
                             const model::Recentrable& density, FamilyPtr q,
                             const CentringOptions& options, const StageSink& stage);

/// Whether the normal of `r` covers a point of the original coordinates.
bool covers(const CentringResult& r, const std::vector<double>& original_point);

/// Maps points [n][D] of the coordinates of `density` to the original ones in place. Returns
/// log |d original / d recentred|, which is to be taken from their log densities.
std::vector<double> original_points(const model::Recentred& density, std::vector<double>& points);

/// A judgement of the coordinates of `density` in the original ones; what it says of q is the same.
Judgement original_judgement(const Judgement& recentred, const model::Recentred& density);

/// Whether new coordinates were worth it: k-hat falls by 0.05, or the bound rises by 0.1 nats and
/// twice its error while k-hat does not rise by 0.05.
bool is_better(const Judgement& recentred, const Judgement& before);

}  // namespace vinci::infer
