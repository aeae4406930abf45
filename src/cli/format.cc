// vinci format: programs in the canonical layout, in modern syntax.
#include "syntax/format.h"

#include <iostream>

#include "cli/command.h"
#include "draws/atomic_file.h"
#include "syntax/parse.h"

namespace vinci::cli {

namespace {

struct FormatCommand {
  ProgramOptions program;
  std::vector<std::string> files;
  bool in_place = false;
  bool check_only = false;

  int run_one(const std::string& path) {
    Run run;
    const source::FileId file = run.sources.add_from_path(path, source::kMaxProgramBytes, run.sink);
    std::string text;
    if (file.valid()) {
      syntax::ParseOptions options;
      options.lex.include_paths = program.include_paths;
      options.lex.expand_includes = false;
      const syntax::Program parsed = syntax::parse(file, run.sources, run.sink, options);
      if (!run.sink.has_errors()) text = syntax::format(parsed, file, run.sources);
    }
    const bool failed = run.sink.has_errors();
    if (failed) {
      run.report(program);
      return kExitInput;
    }
    const bool changes = text != run.sources[file].text();
    if (check_only) {
      if (changes) std::cout << path << ": not in canonical layout\n";
      return changes ? kExitInput : kExitDone;
    }
    if (!in_place) {
      std::cout << text;
    } else if (changes) {
      draws::write_file_atomically(path, [&](draws::FileWriter& out) { out.write(text); });
    }
    return kExitDone;
  }
};

}  // namespace

void add_format(CLI::App& app, int& status) {
  auto command = std::make_shared<FormatCommand>();
  CLI::App* format =
      app.add_subcommand("format", "print programs in canonical layout and modern syntax");
  format->add_option("files", command->files, "Stan programs")->required()->type_name("FILE");
  format->add_flag("-i,--in-place", command->in_place, "write the files instead of printing them");
  format->add_flag("--check", command->check_only,
                   "only say which files would change (exit status 2)");
  add_program_options(*format, command->program, false);
  format->callback([command, &status] {
    for (const std::string& file : command->files)
      status = std::max(status, command->run_one(file));
  });
}

}  // namespace vinci::cli
