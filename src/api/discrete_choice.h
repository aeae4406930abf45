// How discrete parameters are to be handled, as users say it: `--discrete z=local`.
#pragma once

#include <optional>
#include <string>

#include "infer/fit.h"
#include "model/model.h"
#include "source/diagnostic.h"

namespace vinci::api {

/// The sampling method that `NAME=WAY[,NAME=WAY]` asks for, before there is a model: nothing where
/// all ways are `enumerate` or unknown, or where they differ.
std::optional<infer::DiscreteMethod> sampling_of(const std::string& choices);

/// Whether one of the ways is cavi.
bool is_by_ascent(const std::string& choices);

/// What a fit of the model's joint density needs; `reason`: why `concrete` has no density at soft
/// states, else empty.
infer::DiscreteOptions discrete_options(const model::Model& model, infer::DiscreteMethod method,
                                        std::string& reason);

/// Reads the same for a model and reports to `sink` what is no discrete parameter, no way, not
/// available, or of several kinds. Ways: enumerate, exact elimination, which is what a model does
/// that is_marginal(); cavi, coordinate ascent, of the whole program; local, score, disarm, relax
/// and concrete, all discrete parameters together, for one that is not: then sets
/// `options.discrete` (unless some choice is cavi). Without choices the method is chosen. Returns
/// whether some choice is cavi.
bool choose_discrete(const std::string& choices, const model::Model& model,
                     infer::FitOptions& options, source::DiagnosticSink& sink);

}  // namespace vinci::api
