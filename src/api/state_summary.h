// Discrete parameters in the run record: how they were summed out, and the probabilities of their
// states.
#pragma once

#include <cstdint>
#include <vector>

#include "api/conjugate_coordinates.h"
#include "draws/run_record.h"
#include "infer/fit.h"
#include "model/model.h"

namespace vinci::api {

/// For each element of parameters and transformed parameters, in the order of the summary, its
/// place among the discrete variables; -1 for those that are none.
std::vector<int64_t> state_of_column(const model::Model& model);

/// Sets record.elimination, and in the rows of discrete parameters the probabilities: E[p(z = k |
/// theta)] over the draws of the result, exact given each of them. `record.parameters` are the
/// columns of the draws. `ascent`: null, or where the model has no density and coordinate ascent
/// summed them out. Nothing where the model has no discrete parameters.
void note_states(const model::Model& model, const ConjugateCoordinates* ascent,
                 const infer::FitResult& result, int threads, draws::RunRecord& record);

}  // namespace vinci::api
