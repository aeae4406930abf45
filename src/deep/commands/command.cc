#include "deep/commands/command.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <thread>

#include "deep/train/train.h"
#include "draws/atomic_file.h"
#include "report/terminal.h"
#include "source/render.h"
#include "vinci/error.h"

namespace vinci::deep {

namespace {

/// Also of an OpenBLAS with threads of its own, which libtorch does not tell: they would spin
/// beside the others.
void set_num_threads(int count) {
  at::set_num_threads(count);
  if (void* set = dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))
    reinterpret_cast<void (*)(int)>(set)(count);
}

}  // namespace

at::Device RunOptions::start() const {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  set_num_threads(threads > 0 ? threads : cores);
  return device_named(device);
}

void add_run_options(CLI::App& command, RunOptions& options) {
  command.add_option("--device", options.device, "cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--threads", options.threads, "threads on the CPU; 0: all cores")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command.add_flag("-q,--quiet", options.quiet, "no progress bar, no summary");
}

dataset::ImageSet read_images(const std::string& path, const dataset::ReadOptions& options) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const auto images = dataset::read_image_set(path, options, sink);
  if (!sink.empty()) {
    source::RenderOptions render;
    render.colour = report::has_colour(stderr);
    const std::string text = source::render_text(sink, sources, render);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  if (!images)
    throw Error(Error::Kind::kInput, fmt::format("There are no images to use in {}.", path));
  return *images;
}

void write_picture(const std::string& path, const image::Image& picture) {
  const std::string bytes = image::encode_png(picture);
  draws::write_file_atomically(path, [&](draws::FileWriter& out) { out.write(bytes); });
}

void ModelAndImages::add_to(CLI::App& command, bool with_images) {
  command.add_option("model", model_path, "model file of `vinci deep train`")
      ->required()
      ->type_name("FILE");
  command.add_option("--seed", seed, "of the random numbers")->capture_default_str();
  if (!with_images) return;
  command
      .add_option("--data", data_path,
                  "images: a folder with idx, npy, npz, CSV or picture files, or one such file")
      ->required()
      ->type_name("PATH");
  command.add_option("--split", split, "which images of the folder")
      ->check(CLI::IsMember({"train", "validation", "test", "all"}))
      ->capture_default_str();
  command.add_option("--limit", limit, "only so many images, the first ones; 0: all")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 32));
}

ModelFile ModelAndImages::read_model() const { return read_model_file(model_path); }

Feed ModelAndImages::read_feed(const ModelFile& file, at::Device device) const {
  const Config config = config_of(file);
  dataset::ReadOptions options;
  options.split = split == "train"        ? dataset::Split::kTrain
                  : split == "validation" ? dataset::Split::kValidation
                  : split == "test"       ? dataset::Split::kTest
                                          : dataset::Split::kAll;
  options.validation = static_cast<uint64_t>(config.integer("validation"));
  dataset::ImageSet images = read_images(data_path, options);
  if (limit > 0) images = images.slice(0, std::min(images.size(), static_cast<size_t>(limit)));
  if (images.channels() != file.shape.channels || images.height() != file.shape.height ||
      images.width() != file.shape.width)
    throw Error(
        Error::Kind::kInput,
        fmt::format("The images of {} are {} x {} with {} channels; the model takes {} x {} "
                    "with {}.",
                    data_path, images.height(), images.width(), images.channels(),
                    file.shape.height, file.shape.width, file.shape.channels));
  return {images, binarise_of(config), device};
}

}  // namespace vinci::deep
