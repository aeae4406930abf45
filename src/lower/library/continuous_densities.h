// Parts of the table of continuous densities that have files of their own.
#pragma once

#include "lower/library/density_framework.h"

namespace vinci::lower {

void add_continuous_cdfs(LibraryTable& table);
void add_wiener_densities(LibraryTable& table);

}  // namespace vinci::lower
