// Sites of a model in the words of its program.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/centring.h"
#include "lower/lower.h"

namespace vinci::model {

/// A line for each run of neighbouring coordinates of one variable: `theta[1..8]: location mu,
/// scale tau`. Numbers that are no element of a parameter or transformed parameter are `...`;
/// runs whose locations or scales differ by element name the variable as `mu[...]`.
std::vector<std::string> site_names(const lower::Lowered& lowered,
                                    std::span<const graph::Site> sites);

}  // namespace vinci::model
