// The program `vinci`.
#include <algorithm>
#include <cstdio>

#include "cli/command.h"
#include "source/suggest.h"
#include "vinci/version.h"

namespace {

/// Whether `word` is a command; says on standard error where it is none.
bool is_command(const CLI::App& app, const std::string& word) {
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
  if (std::find(commands.begin(), commands.end(), word) != commands.end()) return true;
  const std::string near = vinci::source::did_you_mean(word, commands);
  const std::string hint = near.empty() ? "" : "; did you mean `" + near + "`?";
  std::fprintf(stderr, "vinci: there is no command `%s`%s\nRun with --help for more information.\n",
               word.c_str(), hint.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace vinci::cli;  // NOLINT: the commands
  CLI::App app("vinci: variational inference for Stan programs, compiled in milliseconds", "vinci");
  app.set_version_flag("--version", std::string("vinci ") + vinci::kVersion);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "exit status: 0 done (verdict good or usable), 1 input or output failed, 2 the program, the "
      "data or an\n"
      "option is wrong, 3 the fit's verdict is bad. `vinci COMMAND --help` describes a command.");
  int status = kExitDone;
  add_fit(app, status);
  add_calibrate(app, status);
  add_eval(app, status);
  add_check(app, status);
  add_format(app, status);
  add_compile(app, status);
  add_summary(app, status);
  add_estimators(app, status);
  add_compress(app, status);
  add_decompress(app, status);
  add_inspect(app, status);
  add_denoise(app, status);
  add_deep(app, status);
  if (argc > 1 && argv[1][0] != '-' && !is_command(app, argv[1])) return kExitInput;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitDone : kExitInput;
  } catch (...) {
    return vinci::report::report_exception();
  }
  return vinci::report::finish_output(status);
}
