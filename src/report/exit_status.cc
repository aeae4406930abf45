#include "report/exit_status.h"

#include <cstdio>
#include <exception>
#include <new>

#include "vinci/error.h"

namespace vinci::report {

void print_failure(const std::string& message) {
  std::fprintf(stderr, "vinci: %s\n", message.c_str());
}

int report_exception() {
  try {
    throw;
  } catch (const Error& error) {
    print_failure(error.what());
    const bool is_input =
        error.kind() == Error::Kind::kUsage || error.kind() == Error::Kind::kInput;
    return is_input ? kExitInput : kExitIo;
  } catch (const std::bad_alloc&) {
    print_failure("out of memory");
    return kExitIo;
  } catch (const std::exception& error) {
    print_failure(error.what());
    return kExitIo;
  }
}

int finish_output(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  print_failure("standard output could not be written");
  return kExitIo;
}

}  // namespace vinci::report
