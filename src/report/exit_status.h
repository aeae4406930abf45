// How the programs end: what the system is told, and what a person.
#pragma once

#include <string>

namespace vinci::report {

inline constexpr int kExitDone = 0;
inline constexpr int kExitIo = 1;     ///< input or output failed, or memory ran out
inline constexpr int kExitInput = 2;  ///< a wrong program, data file or option
inline constexpr int kExitBad = 3;    ///< a fit whose verdict is bad
inline constexpr int kExitCancelled = 130;

/// Prints `vinci: MESSAGE` on standard error.
void print_failure(const std::string& message);

/// For a catch block: prints the exception that is being handled; the status that it means.
int report_exception();

/// `status`, or kExitIo with a message where standard output could not be written to its end.
int finish_output(int status);

}  // namespace vinci::report
