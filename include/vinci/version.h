// The version of vinci, as CMake knows it.
#pragma once

namespace vinci {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace vinci
