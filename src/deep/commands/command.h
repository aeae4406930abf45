// The subcommands of `vinci deep`, one file each; the program is vinci-deep, apart from `vinci`, so
// that fitting a model never loads libtorch.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "dataset/read.h"
#include "deep/model_file.h"
#include "deep/train/feed.h"
#include "image/image.h"
#include "report/exit_status.h"

namespace vinci::deep {

using report::kExitCancelled;
using report::kExitDone;
using report::kExitInput;
using report::kExitIo;

void add_train(CLI::App& app, int& status);
void add_evaluate(CLI::App& app, int& status);
void add_pictures(CLI::App& app, int& status);  // sample, reconstruct, interpolate
void add_encode(CLI::App& app, int& status);
void add_estimators(CLI::App& app, int& status);

/// Options that every command which runs a model has.
struct RunOptions {
  std::string device = "cpu";
  int threads = 0;  // 0: all cores
  bool quiet = false;

  /// Sets the number of threads of the library; the device.
  at::Device start() const;
};
void add_run_options(CLI::App& command, RunOptions& options);

/// The images of `path`; faults are printed, and Error(kInput) says so.
dataset::ImageSet read_images(const std::string& path, const dataset::ReadOptions& options);

/// As a PNG file, whole or not at all.
void write_picture(const std::string& path, const image::Image& picture);

/// A model file with the images that a command shows to it.
struct ModelAndImages {
  std::string model_path;
  std::string data_path;
  std::string split = "test";
  int64_t limit = 0;  // 0: all images
  uint64_t seed = 1;

  void add_to(CLI::App& command, bool with_images);
  ModelFile read_model() const;
  /// The images, of the shape that the model takes.
  Feed read_feed(const ModelFile& file, at::Device device) const;
};

}  // namespace vinci::deep
