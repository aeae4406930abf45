// Model: a program bound to data, a log density on R^D that knows its parameters.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vinci/context.h"
#include "vinci/data.h"
#include "vinci/log_density.h"
#include "vinci/program.h"

namespace vinci {

struct ModelOptions {
  std::uint64_t seed = 1;            ///< of random numbers in `transformed data`
  const Context* context = nullptr;  ///< cancels a long trace; not kept
  std::ostream* messages = nullptr;  ///< where `print` of `transformed data` writes; null: nowhere
  /// How discrete parameters are handled, as `--discrete` of the command line says it:
  /// `z=enumerate` (summed out exactly), `z=cavi` (by coordinate ascent), `z=local`, `score`,
  /// `disarm`, `relax` or `concrete` (q has a factor for each). Empty: summed out where that can be
  /// afforded, else as by the way that suits them.
  std::string discrete = {};
};

/// A parameter, transformed parameter or generated quantity.
struct Variable {
  enum class Block { kParameters, kTransformedParameters, kGeneratedQuantities };
  std::string name;
  std::vector<std::int64_t> shape;  ///< outermost array index first; empty for a scalar
  Block block = Block::kParameters;
  bool is_discrete = false;  ///< a parameter of type int
};

/// Immutable; copies share what they hold. Every member may be called from several threads at once.
class Model final : public LogDensity {
 public:
  /// Reads `data`, checks it against the declarations, runs `transformed data` and compiles the
  /// log density for these data. Throws InputError; Error(kCancelled).
  Model(const Program& program, const Data& data, const ModelOptions& options = {});

  /// The number of unconstrained coordinates; where discrete parameters were not summed out
  /// (is_joint), of their elements too: states are the last rows of a point, and the density is the
  /// joint one.
  Index dim() const override;
  bool is_joint() const;
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override;
  void hessian_vector(LaneMatrix points, LaneMatrix directions,
                      MutableLaneMatrix products) const override;
  bool has_exact_hessian_vector() const override;
  std::optional<std::vector<std::pair<std::int32_t, std::int32_t>>> hessian_pattern(
      std::size_t max_pairs) const override;

  /// Parameters, transformed parameters, then generated quantities.
  const std::vector<Variable>& variables() const;
  /// Names of the coordinates of unconstrained space, `theta[2]`, then of the states, if any:
  /// [dim].
  const std::vector<std::string>& unconstrained_names() const;
  /// Names of the elements of parameters and transformed parameters, each variable in column-major
  /// order.
  const std::vector<std::string>& constrained_names() const;
  /// Parameters and transformed parameters at unconstrained points [D][lanes], as
  /// [constrained_names().size()][lanes]. Discrete parameters that were summed out are drawn.
  void constrain(LaneMatrix points, MutableLaneMatrix constrained) const;
  /// The unconstrained point [D] of parameter values; coordinates of parameters that `values` lack
  /// are 0. Throws InputError, also for a value outside of its constraint.
  std::vector<double> unconstrain(const Data& values) const;

  const std::vector<Diagnostic>& warnings() const;

  struct Impl;
  const std::shared_ptr<const Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace vinci
