// vinci summary: the table of draws that vinci or CmdStan wrote.
#include "draws/summary.h"

#include <iostream>

#include "cli/command.h"
#include "draws/cmdstan_csv.h"
#include "report/fit_report.h"
#include "report/terminal.h"

namespace vinci::cli {

void add_summary(CLI::App& app, int& status) {
  struct Options {
    std::vector<std::string> files;
    bool all_rows = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* summary = app.add_subcommand("summary", "summarise draws in CmdStan's CSV format");
  summary->add_option("files", options->files, "files of one model; several are chains")
      ->required()
      ->type_name("FILE");
  summary->add_flag("--all", options->all_rows, "print every element of every parameter");
  summary->callback([options, &status] {
    std::vector<draws::CmdstanFile> files;
    for (const std::string& path : options->files) files.push_back(draws::read_cmdstan_csv(path));
    std::vector<const draws::Draws*> chains;
    for (const draws::CmdstanFile& file : files) {
      chains.push_back(&file.draws);
      for (const std::string& warning : file.warnings)
        std::cerr << file.path << ": " << warning << '\n';
    }
    const auto rows =
        files.size() == 1 ? draws::summarise(files[0].draws) : draws::summarise_chains(chains);
    report::ReportOptions report;
    report.colour = report::has_colour(stdout);
    if (options->all_rows) report.max_elements = report.max_rows = 0;
    std::cout << report::summary_table(rows, options->files[0], report);
    status = kExitDone;
  });
}

}  // namespace vinci::cli
