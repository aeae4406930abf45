#include "report/terminal.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace vinci::report {

namespace {

std::atomic<bool> interrupted{false};

void on_interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

std::atomic<bool>* cancel_on_interrupt() {
  std::signal(SIGINT, on_interrupt);
  return &interrupted;
}

bool has_colour(std::FILE* stream) {
  return isatty(fileno(stream)) != 0 && std::getenv("NO_COLOR") == nullptr;
}

}  // namespace vinci::report
