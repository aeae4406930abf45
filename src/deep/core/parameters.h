// The numbers of a model by name: parameters, which are trained, and buffers, which are not (means
// of the data, running averages of a codebook).
#pragma once

#include <string_view>

#include "deep/core/noise.h"

namespace vinci::deep {

/// Groups may have a learning rate of their own.
enum class ParameterGroup : uint8_t {
  kModel,      ///< p(x, z)
  kInference,  ///< q(z | x)
  kSurrogate,  ///< control variates
};

inline constexpr int64_t kMaxParameters = int64_t{1} << 31;

struct Parameter {
  std::string name;
  Tensor value;
  ParameterGroup group = ParameterGroup::kModel;
  bool trained = true;
};

class Parameters {
 public:
  /// Refuses with Error(kInput) to hold more than `max_count` numbers: what a model file describes
  /// may not take more memory than the file has numbers.
  explicit Parameters(at::Device device, int64_t max_count = kMaxParameters)
      : device_(device), left_(max_count) {}

  /// A new float32 parameter with the values of `initial`; names are unique.
  Tensor add(const std::string& name, const Tensor& initial, ParameterGroup group);
  /// To be called before the values of a new parameter are made.
  void reserve(at::IntArrayRef sizes);
  /// A buffer of the type of `initial`. Changed in place by its owner.
  Tensor add_buffer(const std::string& name, const Tensor& initial);

  const std::vector<Parameter>& all() const { return all_; }
  /// The trained ones, in order.
  const std::vector<Tensor>& trained() const { return trained_; }
  const std::vector<ParameterGroup>& trained_groups() const { return trained_groups_; }
  /// Number of trained numbers.
  int64_t count() const;
  at::Device device() const { return device_; }

 private:
  void check_new(std::string_view name) const;

  at::Device device_;
  int64_t left_;
  std::vector<Parameter> all_;
  std::vector<Tensor> trained_;
  std::vector<ParameterGroup> trained_groups_;
};

}  // namespace vinci::deep
