// What the files of random number generators share.
#pragma once

#include <vector>

#include "lower/library/density_framework.h"

namespace vinci::lower {

void add_multivariate_random_generators(LibraryTable& table);

/// The stream of the call; a diagnostic where there is none.
numeric::RandomStream& random_of(const Call& call);

/// The numbers of an argument; a diagnostic if they depend on parameters.
std::vector<double> constants_of(const Call& call, const Value& value);

/// Diagnostic: the arguments are outside of the domain of the distribution.
[[noreturn]] void fail_domain(const Call& call, std::span<const double> args);

/// Probabilities: non-negative, with sum 1 to 1e-8; else a diagnostic.
void check_probabilities(const Call& call, std::span<const double> p, const char* what);

}  // namespace vinci::lower
