// How discrete parameters are to be handled, as users say it: `--discrete z=enumerate`.
#pragma once

#include <string>

#include "model/model.h"
#include "source/diagnostic.h"

namespace vinci::api {

/// Reads `NAME=WAY[,NAME=WAY]`, ways enumerate, cavi, score and relax, and reports to `sink` what
/// is no discrete parameter of the model, no way, or not available. enumerate: exact elimination,
/// what every model does; cavi: coordinate ascent, of the whole program. Returns whether some
/// choice is cavi.
bool choose_discrete(const std::string& choices, const model::Model& model,
                     source::DiagnosticSink& sink);

}  // namespace vinci::api
