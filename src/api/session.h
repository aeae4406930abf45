// What the command line and the public C++ interface share: from files to a model, from a fit to
// draws and a record.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "check/check.h"
#include "data/data_table.h"
#include "draws/draws.h"
#include "draws/run_record.h"
#include "infer/fit.h"
#include "model/model.h"
#include "source/diagnostic.h"
#include "source/source_file.h"

namespace vinci::api {

struct ConjugateFit;
class ConjugateCoordinates;

using TypedProgramPtr = std::shared_ptr<const check::TypedProgram>;

/// Parses and checks a program that is in `sources`; null where there is an error.
TypedProgramPtr compile(source::FileId file, const std::vector<std::string>& include_paths,
                        source::SourceMap& sources, source::DiagnosticSink& sink);

/// Values for the data block: JSON files, and `name=file.npy`, `name=file.csv` (the column `name`,
/// or `file.csv:column`). Later values replace earlier ones. False where a file could not be read.
bool read_data(const std::vector<std::string>& arguments, data::DataTable& table,
               source::SourceMap& sources, source::DiagnosticSink& sink);

/// The outcome of a fit in the user's terms.
struct Outcome {
  infer::FitResult result;
  draws::Draws draws;       // constrained, with generated quantities
  draws::RunRecord record;  // without names of files
};

/// Fits, constrains the draws, runs generated quantities, summarises. `model` is null for densities
/// that are no programs: their parameters are x.1, x.2, …. `conjugate`: the program fitted by
/// coordinate ascent, where it can be (see api/conjugate_fit.h); then `given_density` may be the
/// joint one, of a model without elimination.
Outcome fit(const LogDensity& given_density, const model::Model* model,
            const infer::FitOptions& options, const source::SourceMap* sources,
            const Context& context, const std::shared_ptr<ConjugateFit>& conjugate = nullptr);

/// Constrained values of draws [count][D] as rows [count][num_constrained]. Discrete parameters are
/// drawn by `seed`; those that were not summed out are the last rows of the draws, and where
/// coordinate ascent summed them out, `ascent` draws them.
std::vector<double> constrain_draws(const model::Model& model, const ConjugateCoordinates* ascent,
                                    std::span<const double> draws, Index count, uint64_t seed,
                                    int threads);

/// What a verdict allows, in a sentence.
std::string verdict_sentence(const diagnose::Verdict& verdict);

/// Exit status of a run: 0 good or usable, 3 bad.
int exit_status(const Outcome& outcome);

}  // namespace vinci::api
