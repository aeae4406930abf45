#include "vinci/model.h"

#include <algorithm>
#include <chrono>

#include "api/ascent_choice.h"
#include "api/discrete_choice.h"
#include "api/impl.h"
#include "api/persistence.h"

namespace vinci {

namespace {

/// The program's files under the same ids, so that further files can follow without touching what
/// other models of the program share.
void copy_files(const source::SourceMap& from, source::SourceMap& to) {
  for (int32_t i = 0; i < from.size(); ++i) {
    const source::SourceFile& file = from[source::FileId{i}];
    to.add(file.name(), std::string(file.text()));
  }
}

Variable::Block public_block(model::VariableInfo::Block block) {
  switch (block) {
    case model::VariableInfo::Block::kParameters:
      return Variable::Block::kParameters;
    case model::VariableInfo::Block::kTransformedParameters:
      return Variable::Block::kTransformedParameters;
    case model::VariableInfo::Block::kGeneratedQuantities:
      break;
  }
  return Variable::Block::kGeneratedQuantities;
}

bool is_continuous(const model::Model& model, const std::string& parameter) {
  return std::any_of(model.parameters().begin(), model.parameters().end(),
                     [&](const model::ParameterInfo& p) { return p.name == parameter; });
}

}  // namespace

const LogDensity& density_of(const Model::Impl& model) {
  if (model.model->is_marginal()) return *model.model;
  return model.model->joint();
}

Model::Model(const Program& program, const Data& data, const ModelOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  auto impl = std::make_shared<Impl>();
  impl->program = program.impl();
  source::SourceMap sources;
  copy_files(impl->program->sources, sources);
  source::DiagnosticSink sink;
  data::DataTable table = api::read_entries(data, sources, sink);
  api::throw_errors(sink, sources);
  model::BuildOptions build;
  build.seed = options.seed;
  build.context = options.context;
  build.messages = options.messages;
  api::set_discrete(infer::Method::kAuto, options.discrete, build);
  impl->model = model::Model::build(impl->program->typed, table, build, sink);
  if (!impl->model && options.context != nullptr && options.context->cancelled()) {
    throw Error(Error::Kind::kCancelled, "Making the model was cancelled.");
  }
  api::throw_errors(sink, sources);
  if (!impl->model) {
    throw Error(Error::Kind::kInput, "The model could not be made of program and data.");
  }
  if (!options.discrete.empty()) {
    infer::FitOptions unused;
    api::choose_discrete(options.discrete, *impl->model, unused, sink);
    api::throw_errors(sink, sources);
  }
  impl->discrete = options.discrete;
  impl->data = std::move(table);
  impl->data_seed = options.seed;
  impl->warnings = api::public_diagnostics(sink, sources);
  for (const model::VariableInfo& v : impl->model->variables()) {
    const bool is_discrete =
        v.block == model::VariableInfo::Block::kParameters && !is_continuous(*impl->model, v.name);
    impl->variables.push_back({v.name, v.dims, public_block(v.block), is_discrete});
  }
  impl->constrained_names = api::bracket_names(impl->model->constrained_names());
  impl->unconstrained_names = api::coordinate_names(*impl->model);
  if (!impl->model->is_marginal()) {
    for (const graph::DiscreteVariable& z : impl->model->discrete_variables())
      impl->unconstrained_names.push_back(draws::bracket_name(z.name));
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  impl->seconds = seconds.count();
  impl_ = std::move(impl);
}

Index Model::dim() const { return density_of(*impl_).dim(); }
bool Model::is_joint() const { return !impl_->model->is_marginal(); }

void Model::evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient) const {
  density_of(*impl_).evaluate(points, value, gradient);
}

void Model::hessian_vector(LaneMatrix points, LaneMatrix directions,
                           MutableLaneMatrix products) const {
  density_of(*impl_).hessian_vector(points, directions, products);
}

bool Model::has_exact_hessian_vector() const {
  return density_of(*impl_).has_exact_hessian_vector();
}

std::optional<std::vector<std::pair<std::int32_t, std::int32_t>>> Model::hessian_pattern(
    std::size_t max_pairs) const {
  return density_of(*impl_).hessian_pattern(max_pairs);
}

const std::vector<Variable>& Model::variables() const { return impl_->variables; }
const std::vector<std::string>& Model::unconstrained_names() const {
  return impl_->unconstrained_names;
}
const std::vector<std::string>& Model::constrained_names() const {
  return impl_->constrained_names;
}
const std::vector<Diagnostic>& Model::warnings() const { return impl_->warnings; }

void Model::constrain(LaneMatrix points, MutableLaneMatrix constrained) const {
  if (is_joint()) {
    impl_->model->joint().constrain(points, constrained);
  } else {
    impl_->model->constrain(points, constrained);
  }
}

std::vector<double> Model::unconstrain(const Data& values) const {
  source::SourceMap sources;
  copy_files(impl_->program->sources, sources);
  source::DiagnosticSink sink;
  const data::DataTable table = api::read_entries(values, sources, sink);
  api::throw_errors(sink, sources);
  std::vector<double> theta_unc(static_cast<size_t>(impl_->model->dim()), 0.0);
  std::vector<bool> given(theta_unc.size(), false);
  impl_->model->unconstrain(table, theta_unc, given, sink);
  api::throw_errors(sink, sources);
  // States that `values` lack are their lowest.
  if (is_joint()) {
    for (const graph::DiscreteVariable& z : impl_->model->discrete_variables())
      theta_unc.push_back(static_cast<double>(z.low));
  }
  return theta_unc;
}

}  // namespace vinci
