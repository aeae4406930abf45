#include "deep/core/parameters.h"

#include "base/check.h"
#include "vinci/error.h"

namespace vinci::deep {

void Parameters::check_new(std::string_view name) const {
  for (const Parameter& parameter : all_) VINCI_CHECK(parameter.name != name);
}

Tensor Parameters::add(const std::string& name, const Tensor& initial, ParameterGroup group) {
  check_new(name);
  Tensor value =
      initial.detach().to(at::TensorOptions(at::kFloat).device(device_)).contiguous().clone();
  value.set_requires_grad(true);
  all_.push_back({name, value, group, true});
  trained_.push_back(value);
  trained_groups_.push_back(group);
  return value;
}

Tensor Parameters::add_buffer(const std::string& name, const Tensor& initial) {
  check_new(name);
  Tensor value = initial.detach().to(device_).contiguous().clone();
  all_.push_back({name, value, ParameterGroup::kModel, false});
  return value;
}

void Parameters::reserve(at::IntArrayRef sizes) {
  double count = 1;
  for (const int64_t size : sizes) count *= static_cast<double>(size);
  if (count > static_cast<double>(left_))
    throw Error(Error::Kind::kInput,
                "The model has more numbers than there is room for: a layer of " +
                    std::to_string(static_cast<int64_t>(count)) + " where " +
                    std::to_string(left_) + " are left.");
  left_ -= static_cast<int64_t>(count);
}

int64_t Parameters::count() const {
  int64_t count = 0;
  for (const Tensor& value : trained_) count += value.numel();
  return count;
}

}  // namespace vinci::deep
