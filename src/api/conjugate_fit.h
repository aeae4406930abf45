// Fits by coordinate ascent: the programs that conjugate/ can read, judged like all other fits.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/conjugate_coordinates.h"
#include "conjugate/compile.h"
#include "conjugate/symmetry.h"
#include "infer/fit.h"
#include "model/model.h"
#include "source/diagnostic.h"

namespace vinci::api {

struct ConjugateOptions {
  int64_t restarts = 0;  // 0: one, or four where there are discrete parameters or products
  double minibatch = 0;  // share of a plate in a step; 0: full sweeps
  double damping = 0;
  uint64_t data_seed = 1;  // of random numbers in transformed data, as the model was built with
};

/// A program that fits, fitted.
struct ConjugateFit {
  std::shared_ptr<conjugate::Conjugate> model;
  conjugate::AscentResult ascent;
  double compile_seconds = 0, ascent_seconds = 0;
  std::vector<double> bounds;  // of each start, best first
};

/// Compiles and ascends from several starts. Null where the program does not fit (`misfits` says
/// why) or the posterior is improper (also in `misfits`); `sink` gets what is wrong with the data.
std::shared_ptr<ConjugateFit> fit_conjugate(const check::TypedProgram& typed,
                                            const data::DataTable& data,
                                            const infer::FitOptions& options,
                                            const ConjugateOptions& conjugate_options,
                                            std::vector<conjugate::Misfit>& misfits,
                                            source::DiagnosticSink& sink, const Context& context);

/// What coordinate ascent leaves in the record.
struct ConjugateNotes {
  bool is_kept = false;  // the result is q of coordinate ascent
  std::vector<std::string> remarks;
  std::vector<conjugate::NamedDistribution> distributions;
  std::vector<conjugate::Symmetry> symmetries;  // of the posterior, of whose modes q is one
  std::vector<double> image_modes;              // as in infer::GivenFit
};

/// Draws, k-hat, symmetries, verdict. Of equal modes that differ in the labels of states, the draws
/// are of the one in which the states are in order of their weights, the largest first. `density`:
/// of the model where that has one, or that of the network (ConjugateDensity); `coordinates` are
/// those of the model.
infer::FitResult judge_conjugate(const ConjugateFit& fit, const LogDensity& density,
                                 const std::shared_ptr<const ConjugateCoordinates>& coordinates,
                                 const infer::FitOptions& options, const Context& context,
                                 ConjugateNotes& notes);

/// What the user should know: augmentations, unused components, restarts that disagree, states that
/// were put in order (by `symmetries`).
std::vector<std::string> conjugate_remarks(const ConjugateFit& fit,
                                           std::span<const conjugate::Symmetry> symmetries = {});

/// The distributions of q by name, at most `limit` of them; with states in the order of
/// `symmetries`.
std::vector<conjugate::NamedDistribution> conjugate_distributions(
    const ConjugateFit& fit, size_t limit, std::span<const conjugate::Symmetry> symmetries = {});

/// Whether the options leave the choice to coordinate ascent: its own method, or the automatic one
/// without a family, start or points.
bool may_be_conjugate(const infer::FitOptions& options);

/// infer::fit, or, where the program is conjugate, coordinate ascent and its verdict; under the
/// automatic method the ladder gets its turn where that verdict is not good, and the better result
/// is kept.
infer::FitResult fit_or_judge(const LogDensity& density, const ConjugateFit* conjugate,
                              const std::shared_ptr<const ConjugateCoordinates>& coordinates,
                              const infer::FitOptions& options, const Context& context,
                              ConjugateNotes& notes);

/// Of each misfit an error at its place.
void report_misfits(const std::vector<conjugate::Misfit>& misfits, source::DiagnosticSink& sink);

}  // namespace vinci::api
