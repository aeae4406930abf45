// Model: a program bound to data, ready to be evaluated. The product that inference and the user
// work with.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check/check.h"
#include "data/data_table.h"
#include "exec/plan.h"
#include "graph/centring.h"
#include "graph/hessian_pattern.h"
#include "graph/passes/passes.h"
#include "lower/lower.h"
#include "model/hessian_vector.h"
#include "model/joint_log_density.h"
#include "model/recentrable.h"
#include "model/soft_log_density.h"
#include "model/state_posterior.h"
#include "source/diagnostic.h"
#include "vinci/context.h"
#include "vinci/log_density.h"

namespace vinci::model {

struct BuildOptions {
  uint64_t seed = 1;  // of random numbers in transformed data
  graph::PassOptions passes;
  const Context* context = nullptr;  // cancels a long trace
  std::ostream* messages = nullptr;  // where the program's print statements write; may be null
  std::vector<std::string> points;   // parameters without Jacobian, see lower::LowerOptions
  /// Whether discrete parameters are summed out of the density. Without it the model has no density
  /// of its own: `joint` and `traced_graph` serve.
  bool marginalise = true;
  /// Where that costs too much: whether to leave them in, as without it, instead of an error.
  bool joint_if_too_costly = false;
};

/// What the stages of building took, in order.
struct BuildStage {
  std::string name;
  double seconds;
};

/// A parameter, transformed parameter or generated quantity as users know it.
struct VariableInfo {
  enum class Block : uint8_t { kParameters, kTransformedParameters, kGeneratedQuantities };
  std::string name;
  std::vector<int64_t> dims;
  Block block;
  std::vector<std::string> columns;  // of its elements, in CmdStan's order and form: `theta.1.2`
};

/// A piece of a parameter that one distribution can describe: an element, or a whole simplex.
struct ParameterElement {
  /// kInterval: on (low, high). kOther: bounds that depend on parameters, ordered vectors,
  /// matrices with structure, ...
  enum class Support : uint8_t { kReal, kPositive, kUnitInterval, kInterval, kSimplex, kOther };
  std::string name;  // `theta[2]`
  Support support;
  double low, high;          // as declared; infinite where there is none
  int64_t first_coordinate;  // unconstrained
  int64_t num_coordinates;
};

/// A parameter as inference sees it.
struct ParameterInfo {
  std::string name;
  int64_t first_coordinate;  // unconstrained
  int64_t num_coordinates;
  std::vector<ParameterElement> elements;  // cover the coordinates in order
};

/// Why evaluations gave density zero.
struct Rejection {
  source::Span span;
  std::string message;  // "scale of `normal` is not positive"
  int64_t count;        // of lanes
};

class Model final : public LogDensity, public Recentrable {
 public:
  ~Model() override;
  /// Binds, traces, rewrites and plans. Reports to `sink`; null where there is an error. Cost: the
  /// trace, some 100 ns per scalar operation of one pass over the program, and as much again for
  /// passes and plan.
  static std::unique_ptr<Model> build(std::shared_ptr<const check::TypedProgram> program,
                                      const data::DataTable& data, const BuildOptions& options,
                                      source::DiagnosticSink& sink);

  Index dim() const override { return static_cast<Index>(lowered_->num_unconstrained); }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override;
  /// Exact where graph::tangent_graph has a derivative for every operation, else by differences.
  /// The first call makes the plan.
  void hessian_vector(LaneMatrix points, LaneMatrix directions,
                      MutableLaneMatrix products) const override;
  bool has_exact_hessian_vector() const override;
  std::optional<graph::CoordinatePairs> hessian_pattern(size_t max_pairs) const override {
    return graph::hessian_pattern(lowered_->graph, max_pairs);
  }
  /// The same, with the log density without the Jacobian of the constraint transforms.
  void evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient,
                std::span<double> value_no_jacobian) const;

  /// Parameters and transformed parameters at unconstrained points: constrained[k][lane] in the
  /// order of constrained_names(). Discrete parameters are drawn given the others, exactly; lane l
  /// is draw number first_draw + l of `seed`.
  void constrain(LaneMatrix points, MutableLaneMatrix constrained, uint64_t seed = 1,
                 uint64_t first_draw = 0) const;
  const std::vector<std::string>& constrained_names() const { return lowered_->constrained_names; }
  const std::vector<std::string>& unconstrained_names() const {
    return lowered_->unconstrained_names;
  }

  /// Parameters, transformed parameters, then generated quantities.
  const std::vector<VariableInfo>& variables() const { return variables_; }
  /// The continuous ones, in order of declaration.
  const std::vector<ParameterInfo>& parameters() const { return parameters_; }
  /// Elements of the discrete parameters, in order of declaration, arrays row-major.
  const std::vector<graph::DiscreteVariable>& discrete_variables() const;
  /// Whether this is a density: false where discrete parameters were left in, see BuildOptions.
  bool is_marginal() const { return plan_ != nullptr; }
  /// The density of parameters and states, of a program with discrete parameters. The first call
  /// makes it.
  const JointLogDensity& joint() const;
  /// The posterior of the states given the parameters, where they were summed out.
  const StatePosterior& state_posterior() const;
  /// How discrete parameters were summed out, a line for each kind: `z: 150 variables of 3 states,
  /// enumeration in a plate`.
  std::vector<std::string> describe_elimination() const;
  /// The density as traced, its discrete variables leaves (graph::Op::kDiscrete); of a program
  /// without discrete parameters the same as graph().
  const graph::Graph& traced_graph() const;
  /// The same at soft states; null, with the reason, where there is none.
  std::unique_ptr<SoftLogDensity> soft(std::string& reason) const {
    return SoftLogDensity::make(traced_graph(), dim(), reason);
  }
  int64_t num_constrained() const { return static_cast<int64_t>(lowered_->constrained.size()); }
  int64_t num_generated() const { return num_generated_; }

  /// Runs the generated quantities block. constrained: [num_draws][num_constrained], generated:
  /// [num_draws] [num_generated], both by draw. Draw i uses stream (seed, i): results do not depend
  /// on `threads`. Draws in which the block fails are NaN; returns their number and the first
  /// failure. A block without random numbers, whose control flow a graph can express, runs as a
  /// plan over lanes of draws; others, and draws in which a condition fails, are interpreted.
  struct GenerateResult {
    int64_t num_failed = 0;
    std::optional<lower::TraceError> first_failure;
  };
  GenerateResult generate(std::span<const double> constrained, std::span<double> generated,
                          int64_t num_draws, uint64_t seed, int threads,
                          const Context& context = {}) const;

  /// Sets the coordinates of the parameters that `values` holds (see
  /// lower::unconstrain_parameters).
  bool unconstrain(const data::DataTable& values, std::span<double> theta_unc,
                   std::vector<bool>& given, source::DiagnosticSink& sink) const;

  /// Addends of the log density as written, before passes fold them.
  int64_t num_terms() const { return num_terms_; }
  /// Groups of more than one term of the same form.
  int64_t num_plates() const { return num_plates_; }
  const std::vector<BuildStage>& stages() const { return stages_; }
  const std::vector<graph::PassReport>& passes() const { return pass_reports_; }
  /// Lanes that had density zero so far, by reason; reasons that did not occur are left out.
  std::vector<Rejection> rejections() const;

  // ---- hierarchies, see Recentrable
  std::span<const Recentrable::Site> sites() const override { return site_infos_; }
  std::vector<std::string> describe_sites() const override;
  std::unique_ptr<Recentred> recentred(std::span<const double> centring) const override;

  const graph::Graph& graph() const { return lowered_->graph; }
  const exec::ExecutionPlan& plan() const { return *plan_; }

 private:
  Model() = default;
  /// Sums the discrete parameters out of the graph, or keeps it for `joint`.
  bool take_discrete(const BuildOptions& options, source::DiagnosticSink& sink);
  /// Fills variables_, parameters_ and num_generated_.
  bool describe_variables(source::DiagnosticSink& sink);
  struct GeneratedPlan;
  const GeneratedPlan* generated_plan(int64_t num_draws) const;
  /// Draws [first, end); which of them are done.
  std::vector<char> run_generated_plan(const GeneratedPlan& plan,
                                       std::span<const double> constrained,
                                       std::span<double> generated, int64_t first,
                                       int64_t end) const;

  std::shared_ptr<const check::TypedProgram> program_;
  std::unique_ptr<lower::Lowered> lowered_;
  struct Discrete;  // of a program with discrete parameters, else null
  std::unique_ptr<Discrete> discrete_;
  std::unique_ptr<exec::ExecutionPlan> plan_;  // null where discrete parameters are not summed out
  std::unique_ptr<exec::ExecutionPlan> output_plan_;  // null with discrete parameters
  std::unique_ptr<const HessianVector> hessian_vector_;
  mutable std::mutex generated_mutex_;
  mutable bool generated_traced_ = false;
  mutable std::unique_ptr<const GeneratedPlan> generated_plan_;  // null: interpreted
  std::vector<VariableInfo> variables_;
  std::vector<ParameterInfo> parameters_;
  std::vector<BuildStage> stages_;
  std::vector<graph::PassReport> pass_reports_;
  std::vector<graph::Site> sites_;
  std::vector<Recentrable::Site> site_infos_;
  std::vector<graph::Term> traced_terms_;  // before the passes
  double traced_constants_[2] = {0, 0};
  int64_t num_generated_ = 0;
  int64_t num_terms_ = 0;
  int64_t num_plates_ = 0;
};

}  // namespace vinci::model
