#include "model/model.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>

#include "graph/elimination.h"
#include "graph/substitution.h"
#include "lower/library.h"
#include "lower/transforms.h"
#include "model/elimination_text.h"
#include "model/recentred_plan.h"
#include "model/site_names.h"
#include "numeric/parallel/thread_pool.h"

namespace vinci::model {

namespace {

/// Stream of the random numbers of generated quantities, apart from those of inference.
constexpr uint32_t kGeneratedStream = 0x67715f31;

class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> seconds = now - last_;
    last_ = now;
    return seconds.count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

int64_t count_addends(const graph::Graph& graph) {
  int64_t count = 0;
  for (const graph::Term& t : graph.terms()) {
    if (t.is_jacobian) continue;
    const graph::Node& node = graph.node(t.node);
    count += node.op == graph::Op::kLinComb ? (node.num_operands - 1) / 2 : 1;
  }
  return count;
}

std::string guard_message(const graph::Guard& guard) {
  switch (guard.kind) {
    case graph::Guard::Kind::kPositive:
      return guard.what + " is not positive";
    case graph::Guard::Kind::kNonNegative:
      return guard.what + " is negative";
    case graph::Guard::Kind::kInUnitInterval:
      return guard.what + " is not in [0, 1]";
    case graph::Guard::Kind::kNonZero:
      return guard.what + " is zero";
    case graph::Guard::Kind::kNotNan:
      return guard.what + " is not a number";
    case graph::Guard::Kind::kNever:
      return guard.what;
  }
  return guard.what;
}

/// The variable of a column: `theta` of `theta.1.2`, `t` of `t:1.2`.
std::string variable_of(const std::string& column) {
  return column.substr(0, column.find_first_of(".:"));
}

/// The sizes of a variable from the name of its last column, `x.2.3`: columns are numbered from 1
/// and the last has the largest index everywhere. What is no plain array of numbers counts its
/// columns.
std::vector<int64_t> dims_of(const std::string& last_column, size_t num_columns) {
  std::vector<int64_t> dims;
  int64_t product = 1;
  for (size_t dot = last_column.find('.'); dot != std::string::npos;) {
    const size_t next = last_column.find('.', dot + 1);
    int64_t size = 0;
    std::from_chars(last_column.data() + dot + 1,
                    last_column.data() + std::min(next, last_column.size()), size);
    dims.push_back(size);
    product *= size;
    dot = next;
  }
  if (product != static_cast<int64_t>(num_columns)) return {static_cast<int64_t>(num_columns)};
  return dims;
}

/// `theta.1.2` -> `theta[1,2]`.
std::string element_name(const std::string& column) {
  std::string name;
  for (const char c : column) {
    if (c != '.') {
      name.push_back(c);
    } else {
      name.push_back(name.find('[') == std::string::npos ? '[' : ',');
    }
  }
  return name.find('[') == std::string::npos ? name : name + "]";
}

ParameterElement describe_bounded(const lower::LoweredVariable& v, int64_t k) {
  using Support = ParameterElement::Support;
  const auto [low, high] = lower::coordinate_bounds(v.type, k);
  const bool has_low = low != -std::numeric_limits<double>::infinity();
  const bool has_high = high != std::numeric_limits<double>::infinity();
  Support support = Support::kOther;
  if (!has_low && !has_high) support = Support::kReal;
  if (low == 0 && !has_high) support = Support::kPositive;
  if (std::isfinite(low) && std::isfinite(high)) support = Support::kInterval;
  if (low == 0 && high == 1) support = Support::kUnitInterval;
  return {{}, support, low, high, v.unconstrained_offset + k, 1};
}

ParameterInfo describe_parameter(const lower::LoweredVariable& v,
                                 const std::vector<std::string>& unconstrained_names) {
  using Kind = syntax::ConstraintKind;
  using Support = ParameterElement::Support;
  ParameterInfo info{v.name, v.unconstrained_offset, v.unconstrained_size, {}};
  if (v.unconstrained_size == 0) return info;
  const double infinity = std::numeric_limits<double>::infinity();
  switch (v.type.constraint) {
    case Kind::kNone:
    case Kind::kLower:
    case Kind::kUpper:
    case Kind::kLowerUpper:
      if (v.type.base == lower::BaseType::kTuple) break;
      for (int64_t k = 0; k < v.unconstrained_size; ++k) {
        info.elements.push_back(describe_bounded(v, k));
        info.elements.back().name =
            element_name(unconstrained_names[static_cast<size_t>(v.unconstrained_offset + k)]);
      }
      return info;
    case Kind::kSimplex: {
      const int64_t containers = v.type.num_containers();
      const int64_t size = v.unconstrained_size / containers;
      for (int64_t c = 0; c < containers; ++c) {
        // The name of its first coordinate without the last index.
        const std::string& column =
            unconstrained_names[static_cast<size_t>(v.unconstrained_offset + c * size)];
        info.elements.push_back({element_name(column.substr(0, column.rfind('.'))),
                                 Support::kSimplex, 0, 1, v.unconstrained_offset + c * size, size});
      }
      return info;
    }
    default:
      break;
  }
  info.elements.push_back(
      {v.name, Support::kOther, -infinity, infinity, v.unconstrained_offset, v.unconstrained_size});
  return info;
}

}  // namespace

/// The generated quantities as functions of constrained values.
struct Model::GeneratedPlan {
  std::unique_ptr<exec::ExecutionPlan> plan;  // outputs, then the values of guards
  std::vector<graph::Guard::Kind> guards;
  std::vector<Index> computed;  // outputs that are no constants
};

/// What is kept of a program with discrete parameters: the joint density, and how the states
/// follow from the parameters.
struct Model::Discrete {
  graph::Graph graph;  // as traced
  std::vector<graph::Scalar> outputs;
  graph::EliminationPlan plan;
  std::vector<graph::CliqueTable> cliques;
  mutable std::once_flag joint_made;
  mutable std::unique_ptr<const JointLogDensity> joint;
  mutable std::once_flag posterior_made;
  mutable std::unique_ptr<const StatePosterior> posterior;
  mutable std::once_flag output_plan_made;
  mutable std::unique_ptr<const exec::ExecutionPlan> output_plan;  // of parameters, then states
};

Model::~Model() = default;

const std::vector<graph::DiscreteVariable>& Model::discrete_variables() const {
  return traced_graph().discrete_variables();
}

const graph::Graph& Model::traced_graph() const {
  return discrete_ ? discrete_->graph : lowered_->graph;
}

const JointLogDensity& Model::joint() const {
  VINCI_CHECK(discrete_ != nullptr);
  std::call_once(discrete_->joint_made, [&] {
    discrete_->joint =
        std::make_unique<JointLogDensity>(discrete_->graph, dim(), discrete_->outputs);
  });
  return *discrete_->joint;
}

std::unique_ptr<Model> Model::build(std::shared_ptr<const check::TypedProgram> program,
                                    const data::DataTable& data, const BuildOptions& options,
                                    source::DiagnosticSink& sink) {
  std::unique_ptr<Model> model(new Model());
  Stopwatch watch;
  model->program_ = std::move(program);
  lower::LowerOptions lower_options;
  lower_options.seed = options.seed;
  lower_options.points = options.points;
  lower_options.trace.context = options.context;
  lower_options.trace.messages = options.messages;
  auto lowered = lower::lower(*model->program_, data, lower_options, sink);
  if (!lowered) return nullptr;
  model->lowered_ = std::make_unique<lower::Lowered>(std::move(*lowered));
  lower::Lowered& result = *model->lowered_;
  for (int64_t d = 0; d < result.num_unconstrained; ++d)
    result.graph.parameter(static_cast<int>(d));
  model->stages_.push_back({"lower", watch.lap()});

  model->num_terms_ = count_addends(result.graph);
  if (!result.graph.discrete_variables().empty()) {
    if (!model->take_discrete(options, sink)) return nullptr;
    model->stages_.push_back({"eliminate", watch.lap()});
    if (!options.marginalise || !model->discrete_->plan.is_affordable) {
      if (!model->describe_variables(sink)) return nullptr;
      return model;
    }
  } else if (result.graph.has_choices()) {
    const std::vector<graph::Scalar*> scalars = result.scalars();
    std::vector<graph::Scalar> values;
    for (const graph::Scalar* s : scalars) values.push_back(*s);
    result.graph =
        graph::expand_choices(result.graph, static_cast<int>(result.num_unconstrained), values);
    for (size_t k = 0; k < scalars.size(); ++k) *scalars[k] = values[k];
  }

  model->sites_ = graph::find_sites(result.graph);
  model->traced_terms_ = result.graph.terms();
  for (const bool is_jacobian : {false, true}) {
    model->traced_constants_[is_jacobian] = result.graph.constant_term(is_jacobian);
  }
  for (const graph::Site& s : model->sites_) {
    model->site_infos_.push_back({s.coordinate, s.centred, s.curvature});
  }
  model->pass_reports_ = graph::run_passes(result.graph, options.passes);
  model->stages_.push_back({"passes", watch.lap()});

  model->plan_ = std::make_unique<exec::ExecutionPlan>(result.graph);
  model->hessian_vector_ =
      std::make_unique<HessianVector>(result.graph, *model->plan_, model->dim());
  if (!model->discrete_) {
    exec::PlanOptions output_options;
    output_options.terms = false;
    output_options.outputs = result.constrained;
    model->output_plan_ = std::make_unique<exec::ExecutionPlan>(result.graph, output_options);
  }
  for (const exec::Plate& plate : model->plan_->plates()) {
    model->num_plates_ += plate.count > 1 && !plate.is_jacobian ? 1 : 0;
  }
  model->stages_.push_back({"plan", watch.lap()});

  if (!model->describe_variables(sink)) return nullptr;
  return model;
}

bool Model::take_discrete(const BuildOptions& options, source::DiagnosticSink& sink) {
  lower::Lowered& result = *lowered_;
  discrete_ = std::make_unique<Discrete>();
  discrete_->outputs = result.constrained;
  if (!options.marginalise) {
    discrete_->graph = std::move(result.graph);
    return true;
  }
  discrete_->plan = graph::plan_elimination(result.graph);
  if (!discrete_->plan.is_affordable) {
    if (options.joint_if_too_costly) {
      discrete_->graph = std::move(result.graph);
      return true;
    }
    report_unaffordable(discrete_->plan, result.graph, sink);
    return false;
  }
  const std::vector<graph::Scalar*> scalars = result.scalars();
  std::vector<graph::Scalar> values;
  for (const graph::Scalar* s : scalars) values.push_back(*s);
  graph::Elimination elimination = graph::eliminate(result.graph, discrete_->plan, values);
  for (size_t k = 0; k < scalars.size(); ++k) *scalars[k] = elimination.outputs[k];
  discrete_->cliques = std::move(elimination.cliques);
  discrete_->graph = std::move(result.graph);
  result.graph = std::move(elimination.graph);
  return true;
}

bool Model::describe_variables(source::DiagnosticSink& sink) {
  for (const lower::LoweredVariable& v : lowered_->variables) {
    const auto first = lowered_->constrained_names.begin() + v.constrained_offset;
    variables_.push_back({v.name,
                          v.type.all_dims(),
                          v.is_parameter ? VariableInfo::Block::kParameters
                                         : VariableInfo::Block::kTransformedParameters,
                          {first, first + v.constrained_size}});
    if (v.is_parameter && v.type.base != lower::BaseType::kInt) {
      parameters_.push_back(describe_parameter(v, lowered_->unconstrained_names));
    }
  }
  try {
    const lower::GeneratedQuantities generated(*program_, *lowered_);
    num_generated_ = static_cast<int64_t>(generated.names().size());
    for (const std::string& column : generated.names()) {
      const std::string name = variable_of(column);
      if (variables_.empty() || variables_.back().name != name ||
          variables_.back().block != VariableInfo::Block::kGeneratedQuantities) {
        variables_.push_back({name, {}, VariableInfo::Block::kGeneratedQuantities, {}});
      }
      variables_.back().columns.push_back(column);
    }
    for (VariableInfo& v : variables_) {
      if (v.block != VariableInfo::Block::kGeneratedQuantities) continue;
      v.dims = dims_of(v.columns.back(), v.columns.size());
    }
  } catch (const lower::TraceError& error) {
    sink.error(error.kind, error.span, error.message);
    return false;
  }
  return true;
}

void Model::evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient) const {
  VINCI_CHECK(plan_ != nullptr);  // else there is only the joint density
  plan_->evaluate(points, value, gradient);
}

void Model::evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient,
                     std::span<double> value_no_jacobian) const {
  VINCI_CHECK(plan_ != nullptr);
  plan_->evaluate(points, value, gradient, value_no_jacobian);
}

bool Model::has_exact_hessian_vector() const { return hessian_vector_->is_exact(); }

void Model::hessian_vector(LaneMatrix points, LaneMatrix directions,
                           MutableLaneMatrix products) const {
  if (hessian_vector_->is_exact()) {
    hessian_vector_->evaluate(points, directions, products);
  } else {
    LogDensity::hessian_vector(points, directions, products);
  }
}

void Model::constrain(LaneMatrix points, MutableLaneMatrix constrained, uint64_t seed,
                      uint64_t first_draw) const {
  if (!discrete_) return output_plan_->evaluate_outputs(points, constrained);
  std::call_once(discrete_->output_plan_made, [&] {
    exec::PlanOptions options;
    options.terms = false;
    std::vector<graph::Scalar> outputs = discrete_->outputs;
    const graph::Graph graph =
        graph::expand_choices(discrete_->graph, static_cast<int>(dim()), outputs, false);
    options.outputs = outputs;
    discrete_->output_plan = std::make_unique<const exec::ExecutionPlan>(graph, options);
  });
  const auto num_states = static_cast<Index>(discrete_variables().size());
  constexpr Index kBlock = 64;
  const Index rows = dim() + num_states;
  std::vector<double> both(static_cast<size_t>(rows * kBlock));
  for (Index first = 0; first < points.lanes; first += kBlock) {
    const Index used = std::min(kBlock, points.lanes - first);
    for (Index d = 0; d < dim(); ++d) {
      std::copy_n(points.row(d) + first, used, &both[static_cast<size_t>(d * kBlock)]);
    }
    const MutableLaneMatrix states{both.data() + dim() * kBlock, num_states, used, kBlock};
    state_posterior().sample({both.data(), dim(), used, kBlock}, seed,
                             first_draw + static_cast<uint64_t>(first), states);
    discrete_->output_plan->evaluate_outputs(
        {both.data(), rows, used, kBlock},
        {constrained.data + first, constrained.rows, used, constrained.stride});
  }
}

const StatePosterior& Model::state_posterior() const {
  VINCI_CHECK(discrete_ != nullptr && plan_ != nullptr);
  std::call_once(discrete_->posterior_made, [&] {
    discrete_->posterior = std::make_unique<const StatePosterior>(
        lowered_->graph, discrete_->cliques, discrete_variables());
  });
  return *discrete_->posterior;
}

std::vector<std::string> Model::describe_elimination() const {
  if (!discrete_ || !plan_) return {};
  return model::describe_elimination(discrete_->plan, discrete_->graph);
}

const Model::GeneratedPlan* Model::generated_plan(int64_t num_draws) const {
  // Tracing costs as much as a few draws.
  constexpr int64_t kMinDraws = 8;
  // Past this the plan's memory would not pay.
  constexpr int64_t kMaxNodes = int64_t{1} << 22;
  const std::lock_guard lock(generated_mutex_);
  if (generated_traced_ || num_draws < kMinDraws) return generated_plan_.get();
  generated_traced_ = true;
  lower::TraceOptions options;
  options.max_nodes = kMaxNodes;
  lower::GeneratedQuantities tracer(*program_, *lowered_, options);
  auto outputs = tracer.trace();
  if (!outputs) return nullptr;
  auto result = std::make_unique<GeneratedPlan>();
  const graph::Graph* graph = &tracer.graph();
  graph::Graph expanded;
  if (graph->has_choices()) {
    expanded = graph::expand_choices(*graph, static_cast<int>(num_constrained()), *outputs);
    graph = &expanded;
  }
  for (size_t k = 0; k < outputs->size(); ++k) {
    if (!(*outputs)[k].is_constant()) result->computed.push_back(static_cast<Index>(k));
  }
  for (const graph::Guard& guard : graph->guards()) {
    result->guards.push_back(guard.kind);
    outputs->push_back(graph::Scalar::node(guard.node));
  }
  exec::PlanOptions plan_options;
  plan_options.terms = false;
  plan_options.outputs = *outputs;
  result->plan = std::make_unique<exec::ExecutionPlan>(*graph, plan_options);
  generated_plan_ = std::move(result);
  return generated_plan_.get();
}

Model::GenerateResult Model::generate(std::span<const double> constrained,
                                      std::span<double> generated, int64_t num_draws, uint64_t seed,
                                      int threads, const Context& context) const {
  GenerateResult result;
  if (num_generated_ == 0 || num_draws == 0) return result;
  constexpr int64_t kBlock = 64;  // draws that one interpreter runs through
  const int64_t blocks = (num_draws + kBlock - 1) / kBlock;
  const GeneratedPlan* plan = generated_plan(num_draws);
  std::mutex mutex;
  int64_t first_failed = num_draws;
  numeric::ThreadPool pool(threads);
  pool.parallel_for(blocks, [&](int64_t block) {
    const int64_t first = block * kBlock;
    const int64_t end = std::min(num_draws, first + kBlock);
    if (context.cancelled()) {
      std::fill(generated.begin() + first * num_generated_,
                generated.begin() + end * num_generated_, std::numeric_limits<double>::quiet_NaN());
      return;
    }
    const std::vector<char> is_done =
        plan ? run_generated_plan(*plan, constrained, generated, first, end)
             : std::vector<char>(static_cast<size_t>(end - first), 0);
    std::optional<lower::GeneratedQuantities> interpreter;
    for (int64_t i = first; i < end; ++i) {
      if (is_done[static_cast<size_t>(i - first)]) continue;
      const auto in = constrained.subspan(static_cast<size_t>(i * num_constrained()),
                                          static_cast<size_t>(num_constrained()));
      const auto out = generated.subspan(static_cast<size_t>(i * num_generated_),
                                         static_cast<size_t>(num_generated_));
      if (context.cancelled()) {
        std::fill(out.begin(), out.end(), std::numeric_limits<double>::quiet_NaN());
        continue;
      }
      if (!interpreter) interpreter.emplace(*program_, *lowered_);
      numeric::RandomStream random(seed, kGeneratedStream, static_cast<uint32_t>(i));
      if (auto failure = interpreter->evaluate(in, random, out)) {
        const std::lock_guard lock(mutex);
        ++result.num_failed;
        if (i < first_failed) {
          first_failed = i;
          result.first_failure = std::move(failure);
        }
      }
    }
  });
  return result;
}

std::vector<char> Model::run_generated_plan(const GeneratedPlan& plan,
                                            std::span<const double> constrained,
                                            std::span<double> generated, int64_t first,
                                            int64_t end) const {
  const Index lanes = end - first;
  const auto num_outputs = static_cast<Index>(plan.plan->num_outputs());
  std::vector<double> points(static_cast<size_t>(num_constrained() * lanes));
  std::vector<double> values(static_cast<size_t>(num_outputs * lanes));
  for (Index l = 0; l < lanes; ++l) {
    const double* from = constrained.data() + (first + l) * num_constrained();
    for (Index k = 0; k < num_constrained(); ++k)
      points[static_cast<size_t>(k * lanes + l)] = from[k];
  }
  plan.plan->evaluate_outputs({points.data(), num_constrained(), lanes, lanes},
                              {values.data(), num_outputs, lanes, lanes});
  const auto value = [&](Index k, Index l) { return values[static_cast<size_t>(k * lanes + l)]; };
  std::vector<char> is_done(static_cast<size_t>(lanes), 1);
  for (Index l = 0; l < lanes; ++l) {
    bool fine = true;
    for (size_t g = 0; g < plan.guards.size(); ++g) {
      fine = fine && graph::holds(plan.guards[g], value(num_generated_ + static_cast<Index>(g), l));
    }
    // Not a number: perhaps of an argument that the interpreter rejects.
    for (const Index k : plan.computed) fine = fine && !std::isnan(value(k, l));
    is_done[static_cast<size_t>(l)] = fine;
    double* to = generated.data() + (first + l) * num_generated_;
    for (Index k = 0; k < num_generated_; ++k) to[k] = value(k, l);
  }
  return is_done;
}

bool Model::unconstrain(const data::DataTable& values, std::span<double> theta_unc,
                        std::vector<bool>& given, source::DiagnosticSink& sink) const {
  return lower::unconstrain_parameters(*lowered_, values, theta_unc, given, sink);
}

std::unique_ptr<Recentred> Model::recentred(std::span<const double> centring) const {
  return std::make_unique<RecentredPlan>(lowered_->graph, traced_terms_, traced_constants_, sites_,
                                         centring);
}

std::vector<std::string> Model::describe_sites() const { return site_names(*lowered_, sites_); }

std::vector<Rejection> Model::rejections() const {
  if (!plan_) return {};
  const std::vector<int64_t> counts = plan_->rejections();
  const auto& guards = lowered_->graph.guards();
  std::vector<Rejection> result;
  for (size_t g = 0; g < counts.size(); ++g) {
    if (counts[g] == 0) continue;
    if (g < guards.size()) {
      result.push_back({guards[g].span, guard_message(guards[g]), counts[g]});
    } else {
      result.push_back({{}, "the log density is not finite", counts[g]});
    }
  }
  return result;
}

}  // namespace vinci::model
