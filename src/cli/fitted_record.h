// Parameters of a coded model from the record of a fit.
#pragma once

#include <string>

#include "coding/fitted.h"
#include "vinci/context.h"

namespace vinci::cli {

/// The posterior means of the parameters that `names` gives, such as
/// `weights=theta,location=mu,scale=sigma`, from the run record `path`. Throws Error(kIo), and
/// Error(kInput) or (kUsage) where the record is none or lacks a name.
coding::FittedParameters read_fitted_parameters(const std::string& path, const std::string& names);

/// The model of a table's rows, read off the density of the program that the record names, at the
/// posterior means (model/row_tables.h). `table`: the variables of its data that the columns are,
/// with commas between; `columns`: how many the table has. Throws Error(kIo), Error(kInput),
/// Error(kCancelled).
coding::ModelCodes read_fitted_program(const std::string& path, const std::string& table,
                                       size_t columns, double unit, const Context& context);

}  // namespace vinci::cli
