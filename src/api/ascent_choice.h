// Whether coordinate ascent fits a program, as the options have it: what the command line, the
// public interface and calibration do between the model and the fit.
#pragma once

#include <memory>
#include <string>

#include "api/conjugate_fit.h"
#include "api/session.h"

namespace vinci::api {

/// How a model has to be made for a fit by this method that handles discrete parameters as
/// `discrete` (`--discrete`) says: sets `marginalise` and `joint_if_too_costly`.
void set_discrete(infer::Method method, const std::string& discrete, model::BuildOptions& build);

/// A program and its data, and the seed of transformed data that its model was made with.
struct ProgramData {
  const TypedProgramPtr& typed;
  const data::DataTable& table;
  uint64_t seed;
};

struct AscentChoice {
  std::shared_ptr<ConjugateFit> fit;  // null: another method has its turn
  /// Where the model has no density and the network neither: one whose states are eliminated, to be
  /// used in place of it.
  std::unique_ptr<model::Model> model;
  bool cancelled = false;  // before there was anything; only where no other method may follow
};

/// Reads `--discrete`, and fits by coordinate ascent where the options ask for it, or leave the
/// choice and the program is conjugate. Sets in `options` what a fit of `model` needs: `discrete`,
/// and the method cavi where a discrete parameter is to be handled that way. Reports to `sink`
/// options that contradict each other and, where nothing but coordinate ascent is wanted, what does
/// not fit; then nothing is chosen.
AscentChoice choose_ascent(const ProgramData& program, const model::Model& model,
                           const std::string& discrete, const ConjugateOptions& conjugate_options,
                           infer::FitOptions& options, source::DiagnosticSink& sink,
                           const Context& context);

/// What is fitted: the density that was given, or that of a network which sums the states out that
/// a model has left in.
class Target {
 public:
  /// `model` may be null, and so may `fit`; all have to outlive the target.
  Target(const LogDensity& density, const model::Model* model,
         const std::shared_ptr<ConjugateFit>& fit);
  const LogDensity& density() const { return network_ ? *network_ : density_; }
  /// Of the network, where there is a fit.
  const std::shared_ptr<const ConjugateCoordinates>& coordinates() const { return coordinates_; }
  /// The same, where the states are the network's to draw: else null.
  const ConjugateCoordinates* states() const { return network_ ? coordinates_.get() : nullptr; }
  /// infer::fit, or coordinate ascent and its verdict; see fit_or_judge.
  infer::FitResult fit(const infer::FitOptions& options, const Context& context,
                       ConjugateNotes& notes) const;

 private:
  const LogDensity& density_;
  const ConjugateFit* fit_;
  std::shared_ptr<const ConjugateCoordinates> coordinates_;
  std::unique_ptr<ConjugateDensity> network_;
};

}  // namespace vinci::api
