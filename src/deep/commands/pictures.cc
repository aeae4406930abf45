// vinci deep sample, reconstruct, interpolate: pictures of what a model has learned.
#include <fmt/format.h>

#include <iostream>

#include "deep/commands/command.h"
#include "deep/train/train.h"
#include "image/grid.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

/// Images [count, D] in [0, 1] side by side, `columns` in a row.
image::Image grid(const Tensor& values, const DataShape& shape, int64_t columns) {
  // [count, C, H, W] to [count, H, W, C].
  const Tensor bytes = (values.detach().to(at::kCPU).clamp(0, 1) * 255)
                           .round()
                           .to(at::kByte)
                           .reshape({-1, shape.channels, shape.height, shape.width})
                           .permute({0, 2, 3, 1})
                           .contiguous();
  std::vector<image::Image> images(static_cast<size_t>(bytes.size(0)));
  const int64_t size = shape.values();
  const uint8_t* from = bytes.data_ptr<uint8_t>();
  for (image::Image& image : images) {
    image.width = static_cast<int>(shape.width);
    image.height = static_cast<int>(shape.height);
    image.channels = static_cast<int>(shape.channels);
    image.pixels.assign(from, from + size);
    from += size;
  }
  image::GridOptions options;
  options.columns = static_cast<int>(columns);
  options.scale = shape.height < 64 ? 2 : 1;
  return image::grid_picture(images, options);
}

struct PictureCommand {
  ModelAndImages input;
  std::string output;
  int64_t count = 64;
  int64_t columns = 0;  // 0: as fits
  int64_t steps = 10;
  RunOptions run_options;

  int sample();
  int reconstruct();
  int interpolate();

 private:
  int done(const Tensor& images, const DataShape& shape, int64_t in_a_row, const std::string& what);
};

int PictureCommand::done(const Tensor& images, const DataShape& shape, int64_t in_a_row,
                         const std::string& what) {
  write_picture(output, grid(images, shape, in_a_row));
  if (!run_options.quiet) std::cout << fmt::format("{}: {}\n", output, what);
  return kExitDone;
}

int PictureCommand::sample() {
  const at::Device device = run_options.start();
  const ModelFile file = input.read_model();
  const auto model = build_model(file, device);
  Noise noise(input.seed, NoiseStream::kSampling, 0, device);
  WithoutGradient scope;
  return done(model->sample(count, noise), file.shape, columns,
              fmt::format("{} images drawn from the model", count));
}

int PictureCommand::reconstruct() {
  const at::Device device = run_options.start();
  const ModelFile file = input.read_model();
  const auto model = build_model(file, device);
  const Feed feed = input.read_feed(file, device);
  Noise noise(input.seed, NoiseStream::kSampling, 0, device);
  WithoutGradient scope;
  const Batch batch = feed.range(0, count, noise);
  const Tensor again = model->reconstruct(batch, noise);
  // Rows of images, each above the row of what the model makes of them.
  const int64_t in_a_row =
      std::min(batch.x.size(0), columns > 0 ? columns : std::min<int64_t>(10, count));
  std::vector<Tensor> pieces;
  for (int64_t start = 0; start < batch.x.size(0); start += in_a_row) {
    const int64_t end = std::min(batch.x.size(0), start + in_a_row);
    const Tensor blank = at::ones({in_a_row - (end - start), batch.x.size(1)}, batch.x.options());
    for (const Tensor& source : {batch.x, again})
      pieces.push_back(at::cat({source.slice(0, start, end), blank}));
  }
  return done(at::cat(pieces), file.shape, in_a_row,
              fmt::format("{} images, each above what the model makes of it", batch.x.size(0)));
}

int PictureCommand::interpolate() {
  const at::Device device = run_options.start();
  const ModelFile file = input.read_model();
  const auto model = build_model(file, device);
  const Feed feed = input.read_feed(file, device);
  if (feed.size() < 2) throw Error(Error::Kind::kInput, "Interpolation needs at least two images.");
  Noise noise(input.seed, NoiseStream::kSampling, 0, device);
  WithoutGradient scope;
  const int64_t pairs = std::min(count, feed.size() / 2);
  const Tensor code = model->encode(feed.range(0, 2 * pairs, noise), noise);
  std::vector<Tensor> pieces;
  for (int64_t pair = 0; pair < pairs; ++pair)
    for (int64_t i = 0; i < steps; ++i) {
      const double t =
          static_cast<double>(i) / static_cast<double>(std::max<int64_t>(1, steps - 1));
      pieces.push_back((1 - t) * code[2 * pair] + t * code[2 * pair + 1]);
    }
  return done(model->decode(at::stack(pieces), noise), file.shape, steps,
              fmt::format("{} straight walks between the codes of two images", pairs));
}

}  // namespace

void add_pictures(CLI::App& app, int& status) {
  const auto add = [&](const std::string& name, const std::string& help, bool with_images,
                       int64_t count, const std::string& count_help) {
    auto options = std::make_shared<PictureCommand>();
    options->count = count;
    auto* command = app.add_subcommand(name, help);
    options->input.add_to(*command, with_images);
    command->add_option("-o,--output", options->output, "picture")
        ->required()
        ->type_name("FILE.png");
    command->add_option("--count", options->count, count_help)
        ->check(CLI::Range(int64_t{1}, int64_t{100000}))
        ->capture_default_str();
    add_run_options(*command, options->run_options);
    return std::make_pair(command, options);
  };
  const auto [sample, sample_options] =
      add("sample", "draw images from a model into a picture", false, 64, "images");
  sample->add_option("--columns", sample_options->columns, "images in a row")
      ->check(CLI::Range(1, 10000));
  sample->callback([options = sample_options, &status] { status = options->sample(); });

  const auto [reconstruct, reconstruct_options] =
      add("reconstruct", "images above what a model makes of them", true, 20, "images");
  reconstruct->add_option("--columns", reconstruct_options->columns, "images in a row")
      ->check(CLI::Range(1, 10000));
  reconstruct->callback(
      [options = reconstruct_options, &status] { status = options->reconstruct(); });

  const auto [interpolate, interpolate_options] =
      add("interpolate", "walk between the codes of pairs of images", true, 8, "pairs");
  interpolate->add_option("--steps", interpolate_options->steps, "images of a walk")
      ->check(CLI::Range(int64_t{2}, int64_t{1000}))
      ->capture_default_str();
  interpolate->callback(
      [options = interpolate_options, &status] { status = options->interpolate(); });
}

}  // namespace vinci::deep
