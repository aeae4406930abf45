// vinci compress: tables and images of integers to .vbb files, through a latent-variable model.
#include <fmt/format.h>

#include <charconv>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/coding_files.h"
#include "cli/command.h"
#include "cli/fitted_record.h"
#include "draws/atomic_file.h"
#include "report/format.h"
#include "report/progress_bar.h"
#include "report/terminal.h"
#include "vinci/error.h"

namespace vinci::cli {

namespace {

struct CompressCommand {
  std::string input;
  std::string output;
  std::string model = "auto";
  std::string fit;
  std::string parameters = "weights=theta,location=mu,scale=sigma";
  std::string columns_of;
  double unit = 1;
  std::string save_model;
  std::string scheme = "bits-back";
  std::string binarise = "none";
  int particles = 4;
  int steps = 30;
  uint64_t learn_rows = 20000;
  uint64_t chunk_rows = 0;
  uint64_t seed = 1;
  int threads = 0;
  bool quiet = false;
  bool json = false;

  int run();
  bool learns(coding::LearnOptions& learn) const;
  void print(const coding::CodingReport& report, const dataset::TableReader& table,
             const coding::TableModel& used, const coding::BitsBackOptions& how) const;
};

[[noreturn]] void usage_error(const std::string& message) {
  throw Error(Error::Kind::kUsage, message);
}

/// Whether --model names a model to be learned rather than a file.
bool CompressCommand::learns(coding::LearnOptions& learn) const {
  const size_t colon = model.find(':');
  const std::string kind = model.substr(0, colon);
  if (kind != "auto" && kind != "independent" && kind != "mixture" && kind != "hmm") return false;
  if (kind == "hmm") learn.kind = coding::ModelKind::kHmm;
  if (kind == "independent") learn.components = 1;
  if (colon == std::string::npos) return true;
  const std::string count = model.substr(colon + 1);
  const auto got = std::from_chars(count.data(), count.data() + count.size(), learn.components);
  if (kind == "auto" || kind == "independent" || got.ec != std::errc() ||
      got.ptr != count.data() + count.size() || learn.components < 1 ||
      learn.components > coding::kMaxComponents)
    usage_error(
        fmt::format("--model is `{}`; it is auto, independent, mixture:K or hmm:K with K "
                    "from 1 to {}, or a model file.",
                    model, coding::kMaxComponents));
  return true;
}

int CompressCommand::run() {
  if (output.empty() && save_model.empty())
    usage_error("Nothing to write: give --output, --save-model or both.");
  coding::CompressOptions options;
  options.coding.scheme = scheme == "bit-swap"      ? coding::Scheme::kBitSwap
                          : scheme == "monte-carlo" ? coding::Scheme::kMonteCarlo
                                                    : coding::Scheme::kBitsBack;
  options.coding.particles = particles;
  options.binarise = binarise == "threshold" ? coding::Binarise::kThreshold
                     : binarise == "sample"  ? coding::Binarise::kSample
                                             : coding::Binarise::kNone;
  options.seed = seed;
  options.chunk_rows = chunk_rows;
  options.threads = threads;

  Context context;
  context.cancel = report::cancel_on_interrupt();
  report::ProgressBar bar(stderr);
  if (!quiet) context.on_progress = [&bar](const Progress& p) { bar.update(p); };

  coding::TableModelPtr used;
  coding::ComponentModelPtr learned;
  coding::LearnOptions learn;
  if (!fit.empty()) {
    const auto reader = dataset::open_table(input);
    const size_t columns = reader->layout().columns;
    if (!columns_of.empty()) {
      learned = coding::make_component_model(
          read_fitted_program(fit, columns_of, columns, unit, context));
    } else {
      std::vector<int64_t> values;
      while (reader->read(values, 4096) > 0) {
      }
      learned = coding::make_component_model(coding::fitted_model(
          read_fitted_parameters(fit, parameters), coding::fit_columns(values, columns), unit));
    }
  } else if (learns(learn)) {
    learn.max_steps = steps;
    learn.seed = seed;
    learn.threads = options.threads;
    const auto reader = dataset::open_table(input);
    learned = coding::make_component_model(
        coding::learn_from(*reader, options, learn, learn_rows, context));
  } else {
    if (!save_model.empty())
      usage_error(
          fmt::format("--save-model keeps a model that is learned; `{}` is a file.", model));
    used = load_model(model);
    options.embed_model = false;
  }
  if (learned != nullptr) used = learned;
  if (!save_model.empty()) {
    options.embed_model = false;
    draws::write_file_atomically(save_model, [&](draws::FileWriter& out) {
      out.write(coding::model_file_bytes(learned->codes()));
    });
  }
  if (output.empty()) {
    bar.erase();
    if (!quiet && !json)
      std::cout << fmt::format("{}: {}, fingerprint {:016x}\n", save_model, used->name(),
                               used->fingerprint());
    return kExitDone;
  }
  const auto reader = dataset::open_table(input);
  coding::CodingReport report;
  draws::write_file_atomically(output, [&](draws::FileWriter& out) {
    report = coding::compress(
        *reader, *used, options, [&out](std::string_view bytes) { out.write(bytes); }, context);
  });
  bar.erase();
  print(report, *reader, *used, options.coding);
  return kExitDone;
}

void CompressCommand::print(const coding::CodingReport& report, const dataset::TableReader& table,
                            const coding::TableModel& used,
                            const coding::BitsBackOptions& how) const {
  const dataset::TableLayout& layout = table.layout();
  const auto values = static_cast<double>(report.values);
  const double overhead = report.net_bits() / report.bound_bits - 1;
  if (json) {
    nlohmann::ordered_json out;
    out["file"] = output;
    out["rows"] = report.rows;
    out["values"] = report.values;
    out["chunks"] = report.chunks;
    out["file_bytes"] = report.file_bytes;
    out["model"] = used.name();
    out["model_fingerprint"] = fmt::format("{:016x}", used.fingerprint());
    out["model_bytes"] = report.model_bytes;
    out["clean_bits"] = report.clean_bits;
    out["escaped_values"] = report.escapes;
    out["net_bits"] = report.net_bits();
    out["negative_elbo_bits"] = report.bound_bits;
    out["restores_exactly"] = report.end.canonical && binarise == "none";
    if (!table.left_out().empty()) out["left_out"] = table.left_out();
    std::cout << out.dump(2) << '\n';
    return;
  }
  if (quiet) return;
  std::cout << extent(layout, report.rows);
  if (report.values > 0) {
    const char* name = value_name(layout);
    std::cout << fmt::format("   {:.4f} bits/{}   {} {:.4f}", report.net_bits() / values, name,
                             bound_name(how), report.bound_bits / values);
    if (report.bound_bits > 0) std::cout << fmt::format("   overhead {:.2f} %", 100 * overhead);
  }
  std::cout << '\n';
  std::cout << fmt::format("{}: {} bytes", output,
                           report::count_text(static_cast<int64_t>(report.file_bytes)));
  if (report.values > 0)
    std::cout << fmt::format(", {:.4f} bits/{} with everything",
                             8 * static_cast<double>(report.file_bytes) / values,
                             value_name(layout));
  std::cout << fmt::format("; {} bytes of it are the model ({}), {} clean bits\n",
                           report::count_text(static_cast<int64_t>(report.model_bytes)),
                           used.name(),
                           report::count_text(static_cast<int64_t>(report.clean_bits)));
  if (report.escapes > 0)
    std::cout << fmt::format("{} outside of the model's support {} kept beside it\n",
                             report::plural(static_cast<int64_t>(report.escapes), "value"),
                             report.escapes == 1 ? "is" : "are");
  if (report.escapes > report.values / 20 && used.columns()[0].size == 2 && binarise == "none")
    std::cout << "the model knows black and white only: --binarise makes pixels so\n";
  if (binarise != "none")
    std::cout << "the pixels were made 0 and 1 first: these come back, not the grey ones\n";
  if (layout.format == dataset::TableFormat::kPictures) {
    std::cout << "the pixels and names of the pictures come back, not the bytes of their files\n";
  } else if (!report.end.canonical) {
    std::cout << "the values come back, not their spelling (blanks, signs, leading zeros, empty "
                 "lines or mixed line ends)\n";
  }
  if (!table.left_out().empty()) std::cout << fmt::format("not kept: {}\n", table.left_out());
}

}  // namespace

void add_compress(CLI::App& app, int& status) {
  auto command = std::make_shared<CompressCommand>();
  CLI::App* compress = app.add_subcommand(
      "compress", "compress a table or images of integers, losslessly, at the rate of the ELBO");
  compress
      ->add_option("input", command->input,
                   "CSV table of integers, idx or npy, also gzipped; npz; a folder of PNG files")
      ->required()
      ->type_name("PATH");
  compress->add_option("-o,--output", command->output, "file to write, such as digits.vbb")
      ->type_name("FILE");
  compress
      ->add_option("-m,--model", command->model,
                   "learned from the input: auto (a mixture of as many components as pay), "
                   "independent, mixture:K, hmm:K (rows in order are a chain); or a file that "
                   "--save-model or vinci deep train wrote")
      ->type_name("MODEL")
      ->capture_default_str();
  CLI::Option* fit =
      compress
          ->add_option(
              "--fit", command->fit,
              "instead of learning: posterior means from the record of vinci fit, with --table in "
              "the program's own density, with --parameters in a mixture or hidden Markov model of "
              "rounded normals or categories")
          ->type_name("RECORD");
  compress
      ->add_option("--table", command->columns_of,
                   "of --fit: the variables of the program's data that the columns are, such as y; "
                   "rows may have discrete parameters, alone or in a chain")
      ->type_name("NAME,...")
      ->needs(fit);
  compress
      ->add_option("--parameters", command->parameters,
                   "of --fit: which of its parameters are weights, transitions, location, scale, "
                   "probability")
      ->type_name("ROLE=NAME,...")
      ->capture_default_str();
  compress
      ->add_option("--unit", command->unit,
                   "of --fit: the integer n of the table is the number n * UNIT of the fit's data")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  compress
      ->add_option("--save-model", command->save_model,
                   "write the model here and leave it out of the output; decompress then needs it")
      ->type_name("FILE");
  compress
      ->add_option(
          "--scheme", command->scheme,
          "how latent variables are coded: bit-swap draws fewer clean bits where a model has "
          "several layers, monte-carlo has the rate of the importance-weighted bound; "
          "learned models have an exact posterior and one rate")
      ->check(CLI::IsMember({"bits-back", "bit-swap", "monte-carlo"}))
      ->capture_default_str();
  compress->add_option("--particles", command->particles, "of --scheme monte-carlo")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  compress
      ->add_option("--binarise", command->binarise,
                   "make pixels of 0..255 bits first: threshold (128 and above are 1) or sample (1 "
                   "with probability pixel/255, from the seed)")
      ->check(CLI::IsMember({"none", "threshold", "sample"}))
      ->capture_default_str();
  compress->add_option("--steps", command->steps, "steps of expectation maximisation, at most")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  compress
      ->add_option("--learn-rows", command->learn_rows,
                   "learn from the first rows only; 0: from all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  compress
      ->add_option("--chunk-rows", command->chunk_rows,
                   "rows that decode on their own; 0: about four million values")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  compress->add_option("--seed", command->seed, "seed of all random numbers")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  compress
      ->add_option("--threads", command->threads,
                   "0: as many as the machine runs; the output does not depend on it")
      ->capture_default_str();
  compress->add_flag("-q,--quiet", command->quiet, "print nothing but errors");
  compress->add_flag("--json", command->json, "print the report as JSON");
  compress->footer(
      "The report: net bits a value (what the file takes, less the model and the clean bits that a "
      "decoder\ngets back), the bound that the rate is to meet, and by how much it misses. A file "
      "decodes on every\nmachine. docs/compression.md explains models, schemes and the format.");
  compress->callback([command, &status] { status = command->run(); });
}

}  // namespace vinci::cli
