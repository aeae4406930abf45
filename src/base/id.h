// Typed indices into stores: an Id<Tag> names one record of one Store<T, Id<Tag>> and nothing else.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/check.h"

namespace vinci::base {

template <class Tag>
struct Id {
  int32_t index = -1;

  constexpr bool valid() const { return index >= 0; }
  friend constexpr auto operator<=>(Id, Id) = default;
};

/// Append-only vector of T, indexed by its own Id type. References are invalidated by `add`.
template <class T, class IdType>
class Store {
 public:
  IdType add(T value) {
    items_.push_back(std::move(value));
    return IdType{static_cast<int32_t>(items_.size()) - 1};
  }
  T& operator[](IdType id) {
    VINCI_DCHECK(id.index >= 0 && static_cast<size_t>(id.index) < items_.size());
    return items_[static_cast<size_t>(id.index)];
  }
  const T& operator[](IdType id) const {
    VINCI_DCHECK(id.index >= 0 && static_cast<size_t>(id.index) < items_.size());
    return items_[static_cast<size_t>(id.index)];
  }
  int32_t size() const { return static_cast<int32_t>(items_.size()); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }

 private:
  std::vector<T> items_;
};

}  // namespace vinci::base

template <class Tag>
struct std::hash<vinci::base::Id<Tag>> {
  size_t operator()(vinci::base::Id<Tag> id) const { return std::hash<int32_t>()(id.index); }
};
