// vinci check: is a program correct?
#include <iostream>

#include "cli/command.h"

namespace vinci::cli {

void add_check(CLI::App& app, int& status) {
  struct Options {
    ProgramOptions program;
    std::vector<std::string> files;
  };
  auto options = std::make_shared<Options>();
  CLI::App* check = app.add_subcommand("check", "report the errors and warnings of programs");
  check->add_option("files", options->files, "Stan programs")->required()->type_name("FILE");
  add_program_options(*check, options->program, false);
  check->callback([options, &status] {
    for (const std::string& file : options->files) {
      Run run;
      options->program.program = file;
      if (!run.compile(options->program)) status = kExitInput;
      run.report(options->program, true);
    }
  });
}

}  // namespace vinci::cli
