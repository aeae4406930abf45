#include "coding/strict_network.h"

#include "base/check.h"
#include "coding/strict_math.h"
#include "coding/strict_rows.h"

namespace vinci::coding {

namespace {

struct ActivationName {
  const char* name;
  StrictActivation activation;
};
constexpr ActivationName kActivations[] = {{"tanh", StrictActivation::kTanh},
                                           {"relu", StrictActivation::kRelu},
                                           {"leaky-relu", StrictActivation::kLeakyRelu},
                                           {"softplus", StrictActivation::kSoftplus},
                                           {"elu", StrictActivation::kElu}};

}  // namespace

bool strict_activation_named(const std::string& name, StrictActivation& activation) {
  for (const ActivationName& known : kActivations) {
    if (name != known.name) continue;
    activation = known.activation;
    return true;
  }
  return false;
}

float strict_activate(float x, StrictActivation activation) {
  switch (activation) {
    case StrictActivation::kTanh:
      return static_cast<float>(strict_tanh(x));
    case StrictActivation::kRelu:
      return x > 0 ? x : 0;
    case StrictActivation::kLeakyRelu:
      return x > 0 ? x : x * 0.3F;
    case StrictActivation::kSoftplus:
      return x > 30 ? x : static_cast<float>(strict_log(1 + strict_exp(x)));
    case StrictActivation::kElu:
      return x > 0 ? x : static_cast<float>(strict_exp(x) - 1);
  }
  return x;
}

StrictLayer::StrictLayer(std::span<const float> weight, std::span<const float> bias)
    : inputs_(bias.empty() ? 0 : weight.size() / bias.size()), outputs_(bias.size()) {
  VINCI_CHECK(!bias.empty() && weight.size() == inputs_ * outputs_);
  const size_t panels = (outputs_ + kPanelWidth - 1) / kPanelWidth;
  weights_.resize(panels * inputs_ * kPanelWidth);
  bias_.resize(panels * kPanelWidth);
  for (size_t j = 0; j < outputs_; ++j) {
    const size_t panel = j / kPanelWidth;
    bias_[j] = bias[j];
    for (size_t i = 0; i < inputs_; ++i)
      weights_[(panel * inputs_ + i) * kPanelWidth + j % kPanelWidth] = weight[j * inputs_ + i];
  }
}

void StrictLayer::apply(std::span<const float> x, std::vector<float>& y) const {
  VINCI_CHECK(x.size() == inputs_);
  std::vector<uint32_t> rows;
  std::vector<float> values;
  rows.reserve(inputs_);
  values.reserve(inputs_);
  for (size_t i = 0; i < inputs_; ++i) {
    if (x[i] == 0) continue;
    rows.push_back(static_cast<uint32_t>(i));
    values.push_back(x[i]);
  }
  y.resize(bias_.size());
  VINCI_SIMD_SELECT(dense_panels)(weights_.data(), bias_.data(), rows.data(), values.data(),
                                  rows.size(), inputs_, bias_.size() / kPanelWidth, y.data());
  y.resize(outputs_);
}

StrictNetwork::StrictNetwork(std::vector<StrictLayer> layers, StrictActivation activation)
    : layers_(std::move(layers)), activation_(activation) {
  VINCI_CHECK(!layers_.empty());
  for (size_t l = 1; l < layers_.size(); ++l)
    VINCI_CHECK(layers_[l].inputs() == layers_[l - 1].outputs());
}

std::vector<float> StrictNetwork::operator()(std::span<const float> x) const {
  std::vector<float> value;
  std::vector<float> next;
  layers_.front().apply(x, value);
  for (size_t l = 1; l < layers_.size(); ++l) {
    for (float& v : value) v = strict_activate(v, activation_);
    layers_[l].apply(value, next);
    value.swap(next);
  }
  return value;
}

}  // namespace vinci::coding
