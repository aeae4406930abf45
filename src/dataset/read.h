// Sets of images from files and folders, whatever form they come in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataset/image_set.h"
#include "source/diagnostic.h"

namespace vinci::dataset {

enum class Split : uint8_t { kTrain, kValidation, kTest, kAll };

struct ReadOptions {
  Split split = Split::kTrain;
  /// So many images at the end of the training images are the validation images (and no training
  /// images). 0: those that the folder has of its own, if any.
  uint64_t validation = 0;
  /// What the values of an image are taken for, [channels, height, width], where the file does not
  /// say or says otherwise.
  std::optional<ImageShape> shape = std::nullopt;
  /// Leave labels alone.
  bool without_labels = false;
};

/// Reads the images of a split from
/// - a folder with idx, npy, npz or CSV files or CIFAR-10's binary batches, named after their split
///   (`train-images-idx3-ubyte.gz`, `x_test.npy`, `images_background.npz`, `test_batch.bin`), with
///   labels in files of their own (`train-labels-...`, `y_test.npy`) or beside the images;
/// - the beginning of such names, where a folder holds several sets: `mnist/binarized_mnist`;
/// - a folder of pictures (PNG, BMP, PGM, PPM), in folders named after their label, in folders
/// named
///   after their split, or both: `train/7/12.png`. Names that are whole numbers are the labels,
///   others are numbered in their order;
/// - a single file, which is taken whole, whichever of train, test and all is asked for.
///
/// idx and npy files of unsigned bytes are mapped where they are not compressed, also within npz
/// files, so that they may be larger than memory; all else is read whole. Other arrays and CSV
/// tables become bytes: whole numbers of 0 to 255 as they are; bools as 0 and 1; fractions in [0,
/// 1] if they are multiples of 1/255 to single precision. All else is refused with its place.
///
/// Any bytes in any file give a set that is not empty, or errors in `sink` (image-set-...,
/// image-..., npy-..., file-..., limit); no more memory is taken than the files can fill, nor than
/// half of the machine's.
std::optional<ImageSet> read_image_set(const std::string& path, const ReadOptions& options,
                                       source::DiagnosticSink& sink);

}  // namespace vinci::dataset
