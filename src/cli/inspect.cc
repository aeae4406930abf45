// vinci inspect: what a .vbb file holds, and whether it is whole.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/coding_files.h"
#include "cli/command.h"
#include "report/format.h"

namespace vinci::cli {

namespace {

struct InspectCommand {
  std::string input;
  bool json = false;
  bool all_chunks = false;

  int run() const;
};

std::string count(uint64_t n) { return report::count_text(static_cast<int64_t>(n)); }

const char* format_name(dataset::TableFormat format) {
  switch (format) {
    case dataset::TableFormat::kCsv:
      return "CSV";
    case dataset::TableFormat::kIdx:
      return "idx";
    case dataset::TableFormat::kNpy:
      return "npy";
    case dataset::TableFormat::kPictures:
      break;
  }
  return "pictures";
}

std::string scheme_name(const coding::BitsBackOptions& options) {
  switch (options.scheme) {
    case coding::Scheme::kBitsBack:
      return "bits-back";
    case coding::Scheme::kBitSwap:
      return "bit-swap";
    case coding::Scheme::kMonteCarlo:
      break;
  }
  return fmt::format("monte-carlo with {} particles", options.particles);
}

int InspectCommand::run() const {
  const auto bytes = map_or_throw(input);
  const coding::VbbFile file = coding::read_vbb(bytes->bytes(), input);
  const coding::VbbHeader& header = file.header;
  const bool whole = file.is_whole();
  if (json) {
    nlohmann::ordered_json out;
    out["file"] = input;
    out["bytes"] = bytes->bytes().size();
    out["format"] = format_name(header.layout.format);
    out["row_shape"] = header.layout.row_shape;
    out["rows"] = file.totals.rows;
    out["model"] = header.model_name;
    out["model_fingerprint"] = fmt::format("{:016x}", header.model_fingerprint);
    out["model_bytes"] = header.model.size();
    out["scheme"] = scheme_name(header.coding);
    out["seed"] = header.seed;
    if (file.has_index) {
      out["clean_bits"] = file.totals.clean_bits;
      out["escaped_values"] = file.totals.escapes;
      out["negative_elbo_bits"] = file.totals.bound_bits;
    }
    out["chunks"] = nlohmann::ordered_json::array();
    for (const coding::VbbChunk& chunk : file.chunks) {
      nlohmann::ordered_json entry{{"number", chunk.number},
                                   {"first_row", chunk.first_row},
                                   {"rows", chunk.rows},
                                   {"offset", chunk.offset},
                                   {"bytes", chunk.bytes.size()}};
      if (!chunk.problem.empty()) entry["problem"] = chunk.problem;
      out["chunks"].push_back(std::move(entry));
    }
    out["problems"] = file.problems;
    out["whole"] = whole;
    std::cout << out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return whole ? kExitDone : kExitIo;
  }
  std::cout << fmt::format("{}: {} bytes, {} of {}\n", input, count(bytes->bytes().size()),
                           extent(header.layout, file.totals.rows),
                           format_name(header.layout.format));
  std::cout << fmt::format(
      "model {}, fingerprint {:016x}, {}; {}\n", header.model_name, header.model_fingerprint,
      header.model.empty() ? "not in the file" : count(header.model.size()) + " bytes of the file",
      scheme_name(header.coding));
  if (file.has_index && file.totals.rows > 0)
    std::cout << fmt::format(
        "{} {:.4f} bits/{}, {} clean bits, {} values outside of the model's support\n",
        bound_name(header.coding),
        file.totals.bound_bits /
            (static_cast<double>(file.totals.rows) * static_cast<double>(header.layout.columns)),
        value_name(header.layout), count(file.totals.clean_bits), count(file.totals.escapes));
  constexpr size_t kShown = 10;
  std::cout << fmt::format("{} chunk{}\n", file.chunks.size(), file.chunks.size() == 1 ? "" : "s");
  size_t shown = 0;
  for (const coding::VbbChunk& chunk : file.chunks) {
    if (chunk.problem.empty() && !all_chunks && shown++ >= kShown) continue;
    std::cout << fmt::format("  {:6} rows {} to {}, {} bytes at {}{}\n", chunk.number,
                             chunk.first_row, chunk.first_row + chunk.rows - 1, chunk.bytes.size(),
                             chunk.offset, chunk.problem.empty() ? "" : ": " + chunk.problem);
  }
  if (shown > kShown) std::cout << fmt::format("  and {} more (--all)\n", shown - kShown);
  for (const std::string& problem : file.problems) std::cout << problem << '\n';
  std::cout << (whole ? "all checksums are right\n" : "the file is damaged\n");
  return whole ? kExitDone : kExitIo;
}

}  // namespace

void add_inspect(CLI::App& app, int& status) {
  auto command = std::make_shared<InspectCommand>();
  CLI::App* inspect =
      app.add_subcommand("inspect", "what a .vbb file holds, and whether it is whole");
  inspect->add_option("input", command->input, "a .vbb file")->required()->type_name("FILE");
  inspect->add_flag("--all", command->all_chunks, "list every chunk");
  inspect->add_flag("--json", command->json, "print it as JSON");
  inspect->footer("Exit status 1 where something is damaged.");
  inspect->callback([command, &status] { status = command->run(); });
}

}  // namespace vinci::cli
