// Checks that a value keeps the constraint of its declared type: of data, transformed data,
// transformed parameters and generated quantities. Tolerance 1e-8 where Stan has it (sums, unit
// lengths, symmetry).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lower/bound_type.h"
#include "lower/library.h"

namespace vinci::lower {

/// A constant that violates its constraint.
struct Violation {
  std::vector<int64_t> index;  // 1-based, of the element or container; empty for a scalar
  std::string message;         // "is -1; its lower bound is 0"
};

/// The first violation by constants. Conditions on nodes become `call.require` with the name of the
/// variable. O(size), matrices that have to be positive definite O(K^3).
std::optional<Violation> find_violation(const Call& call, const BoundType& type, const Value& value,
                                        const std::string& name);

/// `y[2, 3] is -1; its lower bound is 0`.
std::string to_string(const Violation& violation, const std::string& name);

}  // namespace vinci::lower
