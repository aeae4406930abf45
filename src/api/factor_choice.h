// The words of `--family r=gamma,p=beta` and `--point theta`, held to a model's parameters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "infer/fit.h"
#include "model/model.h"
#include "source/diagnostic.h"

namespace vinci::api {

/// `a, b[1,2]` -> a; b[1,2]. Commas in brackets do not separate; spaces are dropped.
std::vector<std::string> split_names(std::string_view list);

/// Adds the factors of `NAME=WORD,...` to options.factors: NAME is a parameter (each of its
/// elements gets a factor of its own) or an element, `lambda[3]`. Reports unknown names and words,
/// supports that do not suit, and what is named twice. Returns whether all is well.
bool choose_factors(std::string_view list, const model::Model& model, infer::FitOptions& options,
                    source::DiagnosticSink& sink);

/// Adds the coordinates of the parameters in `NAME,...` to options.points. The model has to be
/// built with the same names as BuildOptions::points. Reports as above.
bool choose_points(std::string_view list, const model::Model& model, infer::FitOptions& options,
                   source::DiagnosticSink& sink);

}  // namespace vinci::api
