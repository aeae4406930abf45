// Invariants of vinci's own code. A CHECK that fails is a defect of vinci, never of the user's
// input.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace vinci::base {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr,
               "vinci: broken invariant `%s` at %s:%d; this is a defect, please report it\n",
               condition, file, line);
  std::abort();
}

}  // namespace vinci::base

#define VINCI_CHECK(condition) \
  ((condition) ? void(0) : ::vinci::base::check_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define VINCI_DCHECK(condition) void(0)
#else
#define VINCI_DCHECK(condition) VINCI_CHECK(condition)
#endif
