// The program `vinci-deep`, which `vinci deep` starts.
#include <malloc.h>

#include "deep/commands/command.h"
#include "vinci/version.h"

int main(int argc, char** argv) {
  using namespace vinci::deep;  // NOLINT: the commands
#ifdef __GLIBC__
  // The tensors of a step are those of the step before: memory that goes back to the system in
  // between is paged in and cleared again, which took a sixth of a step.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
  CLI::App app("Deep generative models: amortised variational inference on libtorch", "vinci deep");
  app.set_version_flag("--version", std::string("vinci ") + vinci::kVersion);
  app.require_subcommand(1);
  app.get_formatter()->column_width(38);
  app.footer(
      "exit status: 0 done, 1 input or output failed, 2 the data or an option is wrong, 130 "
      "interrupted. \n`vinci deep COMMAND --help` describes a command.");
  int status = kExitDone;
  add_train(app, status);
  add_evaluate(app, status);
  add_pictures(app, status);
  add_encode(app, status);
  add_estimators(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitInput;
  } catch (const c10::Error& error) {
    // The library's messages come with where they were thrown.
    vinci::report::print_failure(error.what_without_backtrace());
    return kExitIo;
  } catch (...) {
    return vinci::report::report_exception();
  }
  return vinci::report::finish_output(status);
}
