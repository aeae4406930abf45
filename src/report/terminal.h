// What the commands share about the terminal that they run in.
#pragma once

#include <atomic>
#include <cstdio>

namespace vinci::report {

/// A flag that Ctrl-C sets from now on; a second Ctrl-C ends the program at once.
std::atomic<bool>* cancel_on_interrupt();

/// Whether the stream shows colours: a terminal, and NO_COLOR not set.
bool has_colour(std::FILE* stream);

}  // namespace vinci::report
