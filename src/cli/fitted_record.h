// Parameters of a coded model from the record of a fit.
#pragma once

#include <string>

#include "coding/fitted.h"

namespace vinci::cli {

/// The posterior means of the parameters that `names` gives, such as
/// `weights=theta,location=mu,scale=sigma`, from the run record `path`. Throws Error(kIo), and
/// Error(kInput) or (kUsage) where the record is none or lacks a name.
coding::FittedParameters read_fitted_parameters(const std::string& path, const std::string& names);

}  // namespace vinci::cli
