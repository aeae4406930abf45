// Folders of pictures, one file an image; folders within give the labels.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataset/image_set.h"
#include "source/diagnostic.h"

namespace vinci::dataset {

/// A picture of a folder, and the folder within in which it lies ("" for none).
struct PictureFile {
  std::string path;
  std::string label;
};

/// The pictures in `folder` (PNG, BMP, PGM, PPM by their names) and in the folders directly within,
/// each sorted by natural_less. Other files, and names that begin with a dot, are passed over.
/// Throws FormatFault where a folder cannot be listed.
std::vector<PictureFile> list_pictures(const std::string& folder);

/// Reads them all into memory; labels where each lies in a folder within. One in colour makes all
/// of three channels. Throws FormatFault where sizes differ, or what reading an image reports.
/// Pictures are 8 bits: where one was not (16 bits, transparency), a warning says so.
ImageSet read_pictures(const std::vector<PictureFile>& files, const std::string& folder,
                       source::DiagnosticSink& sink);

/// Names in a folder, sorted by natural_less. Throws FormatFault.
std::vector<std::string> names_in(const std::string& folder);

}  // namespace vinci::dataset
