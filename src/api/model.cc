#include "vinci/model.h"

#include <chrono>

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

}  // namespace

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
  impl->model = model::Model::build(impl->program->typed, table, build, sink);
  if (!impl->model && options.context != nullptr && options.context->cancelled()) {
    throw Error(Error::Kind::kCancelled, "Making the model was cancelled.");
  }
  api::throw_errors(sink, sources);
  if (!impl->model) {
    throw Error(Error::Kind::kInput, "The model could not be made of program and data.");
  }
  impl->data = std::move(table);
  impl->data_seed = options.seed;
  impl->warnings = api::public_diagnostics(sink, sources);
  for (const model::VariableInfo& v : impl->model->variables()) {
    impl->variables.push_back({v.name, v.dims, public_block(v.block)});
  }
  impl->constrained_names = api::bracket_names(impl->model->constrained_names());
  impl->unconstrained_names = api::coordinate_names(*impl->model);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  impl->seconds = seconds.count();
  impl_ = std::move(impl);
}

Index Model::dim() const { return impl_->model->dim(); }

void Model::evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient) const {
  impl_->model->evaluate(points, value, gradient);
}

void Model::hessian_vector(LaneMatrix points, LaneMatrix directions,
                           MutableLaneMatrix products) const {
  impl_->model->hessian_vector(points, directions, products);
}

bool Model::has_exact_hessian_vector() const { return impl_->model->has_exact_hessian_vector(); }

std::optional<std::vector<std::pair<std::int32_t, std::int32_t>>> Model::hessian_pattern(
    std::size_t max_pairs) const {
  return impl_->model->hessian_pattern(max_pairs);
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
  impl_->model->constrain(points, constrained);
}

std::vector<double> Model::unconstrain(const Data& values) const {
  source::SourceMap sources;
  copy_files(impl_->program->sources, sources);
  source::DiagnosticSink sink;
  const data::DataTable table = api::read_entries(values, sources, sink);
  api::throw_errors(sink, sources);
  std::vector<double> theta_unc(static_cast<size_t>(dim()), 0.0);
  std::vector<bool> given(theta_unc.size(), false);
  impl_->model->unconstrain(table, theta_unc, given, sink);
  api::throw_errors(sink, sources);
  return theta_unc;
}

}  // namespace vinci
