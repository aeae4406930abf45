// Newton's method without matrices, for deterministic objectives: sample averages, log posteriors.
#pragma once

#include <span>
#include <vector>

#include "infer/objective.h"
#include "vinci/log_density.h"

namespace vinci::infer {

/// A twice differentiable function on R^D to be minimised. Where it is not defined its value is
/// +inf.
class SmoothFunction {
 public:
  virtual ~SmoothFunction() = default;
  virtual Index dim() const = 0;
  /// The value at x; gradient: [D].
  virtual double evaluate(std::span<const double> x, std::span<double> gradient) = 0;
  /// product = H(x) direction.
  virtual void hessian_vector(std::span<const double> x, std::span<const double> direction,
                              std::span<double> product) = 0;
  /// Asked between iterations.
  virtual bool should_stop() const { return false; }
};

/// -log p, by an objective's gradients and Hessian-vector products.
class NegativeLogDensity final : public SmoothFunction {
 public:
  explicit NegativeLogDensity(Objective& objective) : objective_(objective) {}
  Index dim() const override { return objective_.dim(); }
  double evaluate(std::span<const double> x, std::span<double> gradient) override;
  void hessian_vector(std::span<const double> x, std::span<const double> direction,
                      std::span<double> product) override;
  bool should_stop() const override { return objective_.should_stop(); }

 private:
  Objective& objective_;
};

struct NewtonCgOptions {
  Index max_iterations = 200;
  Index max_products = 0;  // of the Hessian in one iteration; 0: twice the dimension, at most 200
  double gradient_tol = 1e-8;  // largest component
  double first_radius = 1;
  double max_radius = 1e6;
};

struct NewtonCgResult {
  std::vector<double> x;
  double value = 0;
  std::vector<double> gradient;
  Index iterations = 0;
  Index products = 0;
  bool converged = false;  // by the tolerance, or because rounding leaves nothing to gain
};

/// Minimises from `start` within a trust region; each step by conjugate gradients that stop at the
/// region's edge, at negative curvature, or at residual min(1/2, sqrt |g|) |g|: quadratic
/// convergence near a minimum. A start without a value comes back as it is.
/// [Steihaug 1983, doi 10.1137/0720042; Nocedal and Wright 2006, algorithms 4.1 and 7.2]
NewtonCgResult newton_cg(SmoothFunction& function, std::vector<double> start,
                         const NewtonCgOptions& options = {});

}  // namespace vinci::infer
