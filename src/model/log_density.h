// LogDensity lies with the public headers.
#pragma once

#include "vinci/log_density.h"
