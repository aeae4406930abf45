// vinci decompress: the table in a .vbb file.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/coding_files.h"
#include "cli/command.h"
#include "dataset/picture_table.h"
#include "draws/atomic_file.h"
#include "draws/atomic_folder.h"
#include "report/progress_bar.h"
#include "report/terminal.h"
#include "vinci/error.h"

namespace vinci::cli {

namespace {

struct DecompressCommand {
  std::string input;
  std::string output;
  std::string model;
  std::string rows;
  bool salvage = false;
  int threads = 0;
  bool quiet = false;
  bool json = false;

  int run();
};

/// `A:B`, each may be left out.
void parse_rows(const std::string& text, coding::DecompressOptions& options) {
  const size_t colon = text.find(':');
  const auto require = [&](bool fine) {
    if (fine) return;
    throw Error(Error::Kind::kUsage,
                fmt::format("--rows is `{}`; it is FIRST:END, such as 100:200 for rows 100 to 199, "
                            "counted from 0.",
                            text));
  };
  const auto number = [&](std::string_view part, uint64_t& value) {
    if (part.empty()) return;
    const auto got = std::from_chars(part.data(), part.data() + part.size(), value);
    require(got.ec == std::errc() && got.ptr == part.data() + part.size());
  };
  require(colon != std::string::npos);
  number(std::string_view(text).substr(0, colon), options.first_row);
  number(std::string_view(text).substr(colon + 1), options.last_row);
}

int DecompressCommand::run() {
  coding::DecompressOptions options;
  options.threads = threads;
  options.salvage = salvage;
  if (!rows.empty()) parse_rows(rows, options);
  const auto bytes = map_or_throw(input);
  const coding::VbbFile file = coding::read_vbb(bytes->bytes(), input);
  const auto used = coding::model_of(file, input, model.empty() ? nullptr : load_model(model));
  Context context;
  context.cancel = report::cancel_on_interrupt();
  report::ProgressBar bar(stderr);
  if (!quiet) context.on_progress = [&bar](const Progress& p) { bar.update(p); };
  coding::DecompressReport report;
  if (file.header.layout.format == dataset::TableFormat::kPictures) {
    draws::write_folder_atomically(output, [&](const draws::FolderSink& out) {
      dataset::PictureWriter writer(file.header.layout, out,
                                    file.header.binarise != coding::Binarise::kNone);
      report = coding::decompress(file, input, *used, options, writer, context);
    });
  } else {
    draws::write_file_atomically(output, [&](draws::FileWriter& out) {
      dataset::TableWriter writer(file.header.layout,
                                  [&out](std::string_view part) { out.write(part); });
      report = coding::decompress(file, input, *used, options, writer, context);
    });
  }
  bar.erase();
  for (const std::string& sentence : report.lost)
    std::fprintf(stderr, "vinci: `%s`: %s\n", input.c_str(), sentence.c_str());
  if (json) {
    nlohmann::ordered_json out;
    out["file"] = output;
    out["rows"] = report.rows;
    out["values"] = report.values;
    out["lost"] = report.lost;
    std::cout << out.dump(2) << '\n';
  } else if (!quiet) {
    std::cout << fmt::format("{}: {}\n", output, extent(file.header.layout, report.rows));
  }
  return report.lost.empty() ? kExitDone : kExitIo;
}

}  // namespace

void add_decompress(CLI::App& app, int& status) {
  auto command = std::make_shared<DecompressCommand>();
  CLI::App* decompress = app.add_subcommand("decompress", "restore what vinci compress was given");
  decompress->add_option("input", command->input, "a .vbb file")->required()->type_name("FILE");
  decompress
      ->add_option(
          "-o,--output", command->output,
          "file to write, in the format that was compressed (not gzipped); for pictures a folder, "
          "new or empty")
      ->required()
      ->type_name("PATH");
  decompress
      ->add_option("-m,--model", command->model,
                   "the model file, where the .vbb file does not hold its model")
      ->type_name("FILE");
  decompress
      ->add_option("--rows", command->rows,
                   "these rows only, FIRST:END counted from 0; reads no chunk outside of them")
      ->type_name("RANGE");
  decompress->add_flag("--salvage", command->salvage,
                       "leave out damaged chunks instead of failing (exit status 1 all the same)");
  decompress->add_option("--threads", command->threads, "0: as many as the machine runs")
      ->capture_default_str();
  decompress->add_flag("-q,--quiet", command->quiet, "print nothing but errors");
  decompress->add_flag("--json", command->json, "print the report as JSON");
  decompress->callback([command, &status] { status = command->run(); });
}

}  // namespace vinci::cli
