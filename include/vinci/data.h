// Data: values for the data block of a program, given by name. They are checked against the
// declarations when a Model is made of them.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vinci {

/// Values by name. A later value replaces an earlier one of the same name. Copies are cheap: they
/// share the numbers. Each function returns *this, for chaining.
class Data {
 public:
  using Shape = std::vector<std::int64_t>;

  /// A scalar. Integers have to lie within +-(2^31 - 1), else throws Error(kUsage).
  Data& set(std::string name, std::floating_point auto value) {
    return set_real(std::move(name), static_cast<double>(value));
  }
  Data& set(std::string name, std::integral auto value) {
    // `+` makes int of bool and the character types.
    const bool fits = std::in_range<std::int64_t>(+value);
    return set_int(std::move(name), fits ? static_cast<std::int64_t>(value) : INT64_MAX);
  }

  /// An array, vector or matrix: `values` are copied. They lie row-major (last index fastest) in
  /// `shape`; without a shape they are one-dimensional. A complex number is a last dimension of 2.
  /// Throws Error(kUsage) where the number of values is not the product of the shape.
  Data& set(std::string name, std::span<const double> values);
  Data& set(std::string name, std::span<const double> values, Shape shape);
  Data& set(std::string name, std::span<const int> values);
  Data& set(std::string name, std::span<const int> values, Shape shape);

  /// Values in Stan's JSON format; tuples can be given in this way only. `name` stands for the file
  /// name in messages. The text is read when a Model is made; that is where its errors show.
  Data& add_json(std::string_view text, std::string_view name = "data.json");
  /// A file, as the option --data takes it: `FILE.json`, `NAME=FILE.npy` (memory-mapped) or
  /// `NAME=FILE.csv[:COLUMN]`. It is read when a Model is made.
  Data& add_file(std::string_view source);

  struct Impl;
  const Impl* impl() const { return impl_.get(); }  // null: no values

 private:
  Data& set_real(std::string name, double value);
  Data& set_int(std::string name, std::int64_t value);
  Impl& edit();

  std::shared_ptr<Impl> impl_;  // shared by copies; only a sole owner writes to it
};

}  // namespace vinci
