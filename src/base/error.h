// Error lies with the public headers.
#pragma once

#include "vinci/error.h"
