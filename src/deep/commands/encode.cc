// vinci deep encode: the codes of images as an array or a table.
#include <fmt/format.h>

#include <bit>
#include <iostream>

#include "deep/commands/command.h"
#include "draws/atomic_file.h"
#include "report/format.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

struct EncodeCommand {
  ModelAndImages input;
  std::string output;
  RunOptions run_options;

  int run();
};

/// A .npy file of float32, C order.  [NumPy enhancement proposal 1, version 1.0]
std::string npy_header(at::IntArrayRef sizes) {
  static_assert(std::endian::native == std::endian::little);
  std::string shape;
  for (const int64_t size : sizes) shape += fmt::format("{}, ", size);
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape);
  constexpr size_t kPreamble = 10;
  while ((kPreamble + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  return out + header;
}

int EncodeCommand::run() {
  const bool csv = output.ends_with(".csv");
  if (!csv && !output.ends_with(".npy"))
    throw Error(Error::Kind::kUsage,
                fmt::format("The output is `{}`; it ends in .npy or .csv.", output));
  const at::Device device = run_options.start();
  const ModelFile file = input.read_model();
  const auto model = build_model(file, device);
  const Feed feed = input.read_feed(file, device);
  WithoutGradient scope;
  std::vector<Tensor> pieces;
  constexpr int64_t kBatch = 500;
  for (int64_t start = 0; start < feed.size(); start += kBatch) {
    Noise noise(input.seed, NoiseStream::kSampling, static_cast<uint64_t>(start), device);
    pieces.push_back(
        model->encode(feed.range(start, kBatch, noise), noise).to(at::kCPU).to(at::kFloat));
  }
  const Tensor codes = at::cat(pieces).contiguous();
  const float* values = codes.data_ptr<float>();
  draws::write_file_atomically(output, [&](draws::FileWriter& out) {
    if (!csv) {
      out.write(npy_header(codes.sizes()));
      out.write({reinterpret_cast<const char*>(values), static_cast<size_t>(codes.nbytes())});
      return;
    }
    const int64_t width = codes.numel() / codes.size(0);
    const bool labels = feed.images().has_labels();
    for (int64_t d = 0; d < width; ++d) out.write(fmt::format("{}z.{}", d > 0 ? "," : "", d + 1));
    out.write(labels ? ",label\n" : "\n");
    for (int64_t i = 0; i < codes.size(0); ++i) {
      for (int64_t d = 0; d < width; ++d)
        out.write(fmt::format("{}{:.7g}", d > 0 ? "," : "", values[i * width + d]));
      if (labels) out.write(fmt::format(",{}", feed.images().label(static_cast<size_t>(i))));
      out.write("\n");
    }
  });
  if (!run_options.quiet)
    std::cout << fmt::format("{}: codes of {}\n", output, report::plural(codes.size(0), "image"));
  return kExitDone;
}

}  // namespace

void add_encode(CLI::App& app, int& status) {
  auto options = std::make_shared<EncodeCommand>();
  auto* command = app.add_subcommand("encode", "the codes E_q[z | x] of images as .npy or .csv");
  options->input.add_to(*command, true);
  command->add_option("-o,--output", options->output, "array or table")
      ->required()
      ->type_name("FILE.npy|FILE.csv");
  add_run_options(*command, options->run_options);
  command->callback([options, &status] { status = options->run(); });
}

}  // namespace vinci::deep
