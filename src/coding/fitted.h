// Models whose parameters come from a fit: the numbers of a run record in the place of EM.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "coding/component_model.h"

namespace vinci::coding {

/// A fit's estimates, each an array in row-major order, in the units of the program's data. What a
/// model does not have is empty.
struct FittedParameters {
  std::vector<double> weights;      ///< [components], or one number w for (w, 1 - w)
  std::vector<double> transitions;  ///< [from][to], of a hidden Markov model
  std::vector<double> location;     ///< [components] or [components][columns]: of normal columns
  std::vector<double> scale;        ///< the same, or one number
  std::vector<double> probability;  ///< [components][symbols]: of one column of categories
};

/// The mixture (or, with transitions, hidden Markov model) with these parameters, for tables whose
/// values are multiples of `unit`: an integer v stands for the number unit v. Normals are those of
/// the fit, rounded to the integers; `columns` say which integers there are. A chain without
/// weights starts anywhere. Throws Error(kInput), a sentence, where the sizes do not fit each other
/// or the columns.
ModelCodes fitted_model(const FittedParameters& parameters, std::vector<Column> columns,
                        double unit);

/// The mixture or, with transitions, hidden Markov model of these tables of log probabilities:
/// `initial` [components], `transitions` [from][to], `log_p` of each column [components][symbols].
/// Throws Error(kInput), a sentence, where there are
/// more components or symbols than can be coded.
ModelCodes tabulated_model(std::span<const double> initial, std::span<const double> transitions,
                           std::vector<Column> columns, std::span<const std::vector<double>> log_p);

}  // namespace vinci::coding
