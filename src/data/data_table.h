// DataTable: the values that a user gives for the data block (or as initial values), before they
// are checked against declarations. Made by the readers json.h, npy.h and csv.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "source/span.h"

namespace vinci::data {

/// One variable: a scalar, a rectangular array of numbers, or a tuple (or rectangular array of
/// tuples).
struct DataValue {
  /// Every number was written as an int of at most 2^31 - 1 in magnitude. One `3.0` makes the whole
  /// value real.
  bool is_int = false;
  /// Sizes from the outermost list inwards; empty for a scalar. A list without elements ends the
  /// known sizes: `[[], []]` has dims {2, 0}, whatever its declaration says of deeper ones.
  std::vector<int64_t> dims;
  /// Row-major (last index fastest), as many as the product of dims; empty for a tuple. May lie in
  /// memory that `storage` holds, such as a mapped file.
  std::span<const double> values;
  /// A tuple's members in order. For an array of tuples `dims` is the array's, and every member's
  /// dims begin with them: member k of element i is the i-th slice of members[k].
  std::vector<DataValue> members;

  source::Span span;       ///< the value
  source::Span name_span;  ///< the name it was given under

  /// Keeps `values` alive.
  std::shared_ptr<const void> storage;

  bool is_tuple() const { return !members.empty(); }
};

/// A value that owns its numbers.
inline DataValue make_value(std::vector<int64_t> dims, std::vector<double> values, bool is_int) {
  DataValue out;
  out.is_int = is_int;
  out.dims = std::move(dims);
  auto owned = std::make_shared<const std::vector<double>>(std::move(values));
  out.values = *owned;
  out.storage = std::move(owned);
  return out;
}

/// Values by name, in the order in which they were given.
class DataTable {
 public:
  /// nullptr if the name has no value.
  const DataValue* find(std::string_view name) const {
    const auto found = index_.find(std::string(name));
    return found == index_.end() ? nullptr : &entries_[found->second].second;
  }
  /// Adds a value; one that the name had before is replaced (a `--data` option after a file).
  void set(std::string name, DataValue value) {
    const auto [at, is_new] = index_.try_emplace(name, entries_.size());
    if (is_new) {
      entries_.emplace_back(std::move(name), std::move(value));
    } else {
      entries_[at->second].second = std::move(value);
    }
  }
  size_t size() const { return entries_.size(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  std::vector<std::pair<std::string, DataValue>> entries_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace vinci::data
