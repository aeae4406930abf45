// Approximations as JSON text and back: for run records, checkpoints and warm starts.
#pragma once

#include <string>
#include <string_view>

#include "infer/family/family.h"

namespace vinci::infer {

/// One line: {"kind": "full-rank normal", "mean": [...], "factor": [...]}. Numbers read back to the
/// same double. A triangular factor is its rows one after the other, without the zeros; normals of
/// low rank or sparse precision are written with their dense factor. Above
/// `max_dense_dim` dimensions, and for families that have no form of their own, it is the product
/// of the marginals' normals, with "stands_for": what q was.
std::string to_json(const Family& q, Index max_dense_dim);

/// The inverse. Throws vinci::Error (kInput): a sentence on what is missing or out of its range.
FamilyPtr family_from_json(std::string_view text);

}  // namespace vinci::infer
