#include "cli/command.h"

#include <cstdio>
#include <filesystem>

#include "report/terminal.h"
#include "source/render.h"

namespace vinci::cli {

void add_program_options(CLI::App& command, ProgramOptions& options, bool with_program) {
  if (with_program) {
    command.add_option("program", options.program, "Stan program")->required()->type_name("FILE");
  }
  command
      .add_option("-I,--include", options.include_paths,
                  "directory searched for #include, repeatable")
      ->type_name("DIR");
  command.add_option("--diagnostics", options.diagnostics, "how errors and warnings are printed")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void add_data_options(CLI::App& command, DataOptions& options) {
  command.add_option("data", options.file, "data in Stan's JSON format")->type_name("FILE");
  command
      .add_option("--data", options.values,
                  "more data, repeatable: FILE.json, NAME=FILE.npy (memory-mapped) or "
                  "NAME=FILE.csv[:COLUMN]; later values replace earlier ones")
      ->type_name("SOURCE");
}

std::vector<std::string> DataOptions::all() const {
  std::vector<std::string> result;
  if (!file.empty()) result.push_back(file);
  result.insert(result.end(), values.begin(), values.end());
  return result;
}

api::TypedProgramPtr Run::compile(const ProgramOptions& options) {
  const source::FileId file =
      sources.add_from_path(options.program, source::kMaxProgramBytes, sink);
  if (!file.valid()) return nullptr;
  return api::compile(file, options.include_paths, sources, sink);
}

void Run::report(const ProgramOptions& options, bool with_notes) {
  if (!with_notes) sink.drop_notes();
  if (options.diagnostics == "json") {
    const std::string text = source::render_json(sink, sources);
    std::fwrite(text.data(), 1, text.size(), stderr);
  } else if (!sink.empty()) {
    source::RenderOptions render;
    render.colour = report::has_colour(stderr);
    const std::string text = source::render_text(sink, sources, render);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  sink.clear();
}

std::string stem(const std::string& path) {
  const std::filesystem::path file = std::filesystem::path(path).filename();
  return file.extension() == ".stan" ? file.stem().string() : file.string();
}

}  // namespace vinci::cli
