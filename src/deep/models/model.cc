#include "deep/models/model.h"

#include "base/check.h"
#include "source/suggest.h"
#include "vinci/error.h"

namespace vinci::deep {

Tensor Model::loss(const Batch&, Noise&, const StepContext&, StepResult&) {
  VINCI_CHECK(false);  // a model overrides `loss` or `gradients`
}

StepResult Model::gradients(const Batch& batch, Noise& noise, const StepContext& context) {
  StepResult result;
  const Tensor scalar = loss(batch, noise, context, result);
  result.gradients = gradients_of(scalar, parameters_.trained());
  return result;
}

std::vector<double> Model::learning_rates(double rate) const {
  return std::vector<double>(parameters_.trained().size(), rate);
}

Tensor Model::kl(const Batch&, Noise&) { return {}; }
std::vector<std::pair<std::string, Tensor>> Model::figures(const Batch&, Noise&) { return {}; }
Tensor Model::code_use(const Batch&) { return {}; }
Tensor Model::amortisation_gap(const Batch&, int64_t, Noise&) { return {}; }

const std::vector<ModelKind>& model_kinds() {
  static const std::vector<ModelKind> kinds = {
      vae_kind(),   iwae_kind(),         hvae_kind(),
      rvae_kind(),  sivae_kind(),        cvae_kind(),
      vqvae_kind(), discrete_vae_kind(), structured_prediction_kind(),
  };
  return kinds;
}

const ModelKind& model_kind(const std::string& name) {
  std::vector<std::string> names;
  for (const ModelKind& kind : model_kinds()) {
    if (kind.name == name) return kind;
    names.push_back(kind.name);
  }
  const std::string near = source::did_you_mean(name, names);
  std::string all;
  for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
  throw Error(Error::Kind::kUsage,
              "There is no model `" + name + "`; " +
                  (near.empty() ? "there are " + all + "." : "did you mean `" + near + "`?"));
}

}  // namespace vinci::deep
