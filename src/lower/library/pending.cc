// Files of the library that are still to come add nothing.
#include "lower/library.h"

namespace vinci::lower {
#if !__has_include("lower/library/elementwise.cc")
void add_elementwise_functions(LibraryTable&) {}
#endif
#if !__has_include("lower/library/linear_algebra.cc")
void add_linear_algebra(LibraryTable&) {}
#endif
#if !__has_include("lower/library/complex.cc")
void add_complex_functions(LibraryTable&) {}
#endif
#if !__has_include("lower/library/higher_order.cc")
void add_higher_order_functions(LibraryTable&) {}
#endif
}  // namespace vinci::lower
