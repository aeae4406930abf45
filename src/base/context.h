// Context lies with the public headers.
#pragma once

#include "vinci/context.h"
