// vinci compile: what each stage makes of a program.
#include <fmt/format.h>

#include <chrono>
#include <iostream>

#include "check/check.h"
#include "cli/command.h"
#include "syntax/dump.h"
#include "syntax/lexer.h"
#include "syntax/parse.h"

namespace vinci::cli {

namespace {

struct CompileCommand {
  ProgramOptions program;
  DataOptions data;
  std::string dump;
  std::vector<std::string> disabled;

  int run();
};

int CompileCommand::run() {
  Run run;
  const source::FileId file =
      run.sources.add_from_path(program.program, source::kMaxProgramBytes, run.sink);
  const auto finish = [&] {
    const bool failed = run.sink.has_errors();
    run.report(program);
    return failed ? kExitInput : kExitDone;
  };
  if (!file.valid()) return finish();
  syntax::LexOptions lex;
  lex.include_paths = program.include_paths;
  if (dump == "tokens") {
    std::cout << syntax::dump(syntax::lex(file, run.sources, run.sink, lex).tokens, run.sources);
    return finish();
  }
  if (dump == "ast") {
    syntax::ParseOptions options;
    options.lex = lex;
    std::cout << syntax::dump(syntax::parse(file, run.sources, run.sink, options));
    return finish();
  }
  const auto start = std::chrono::steady_clock::now();
  const auto typed = api::compile(file, program.include_paths, run.sources, run.sink);
  const std::chrono::duration<double> front = std::chrono::steady_clock::now() - start;
  if (!typed) return finish();
  if (dump == "typed") {
    std::cout << check::dump_typed(*typed);
    return finish();
  }
  data::DataTable table;
  std::unique_ptr<model::Model> model;
  if (api::read_data(data.all(), table, run.sources, run.sink)) {
    model::BuildOptions build;
    build.passes.disabled = disabled;
    build.messages = &std::cerr;
    model = model::Model::build(typed, table, build, run.sink);
  }
  if (!model) return finish();
  if (dump == "graph") {
    std::cout << model->graph().dump();
  } else if (dump == "plan") {
    std::cout << model->plan().dump();
  } else {
    fmt::print("{}: {} unconstrained parameters, {} terms in {} plates, {} instructions\n",
               program.program, model->dim(), model->num_terms(), model->num_plates(),
               model->plan().num_instructions());
    fmt::print("{:<32}{:>10.3f} ms\n", "parse and check", 1e3 * front.count());
    for (const std::string& line : model->describe_elimination())
      fmt::print("eliminated {}\n", line);
    for (const auto& stage : model->stages())
      fmt::print("{:<32}{:>10.3f} ms\n", stage.name, 1e3 * stage.seconds);
    for (const auto& pass : model->passes()) {
      fmt::print("  {:<30}{:>10.3f} ms{:>10} nodes{:>9} terms\n", pass.name, 1e3 * pass.seconds,
                 pass.live_nodes, pass.terms);
    }
  }
  return finish();
}

}  // namespace

void add_compile(CLI::App& app, int& status) {
  auto command = std::make_shared<CompileCommand>();
  CLI::App* compile =
      app.add_subcommand("compile", "compile a program and show what the stages make of it");
  add_program_options(*compile, command->program);
  add_data_options(*compile, command->data);
  compile
      ->add_option("--dump", command->dump, "print a stage's product instead of a table of times")
      ->check(CLI::IsMember({"tokens", "ast", "typed", "graph", "plan"}));
  std::vector<std::string> names;
  for (const graph::Pass& pass : graph::all_passes()) names.emplace_back(pass.name);
  compile->add_option("--disable", command->disabled, "passes to leave out, repeatable")
      ->check(CLI::IsMember(names));
  compile->callback([command, &status] { status = command->run(); });
}

}  // namespace vinci::cli
