#include "dataset/picture_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <utility>

#include "dataset/file_names.h"
#include "dataset/format_fault.h"
#include "dataset/whole_images.h"
#include "image/image.h"

namespace vinci::dataset {

namespace {

namespace fs = std::filesystem;
using source::DiagnosticKind;

/// Names that are whole numbers are their labels; others are numbered in their order.
std::map<std::string, int32_t> number_labels(const std::vector<PictureFile>& files,
                                             std::vector<std::string>& names) {
  std::vector<std::string> sorted;
  for (const PictureFile& file : files) {
    if (sorted.empty() || sorted.back() != file.label) sorted.push_back(file.label);
  }
  std::sort(sorted.begin(), sorted.end(), natural_less);
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::map<std::string, int32_t> out;
  bool all_numbers = true;
  for (const std::string& name : sorted) {
    int32_t value = 0;
    const auto got = std::from_chars(name.data(), name.data() + name.size(), value);
    all_numbers &= got.ec == std::errc() && got.ptr == name.data() + name.size() && value >= 0;
    out[name] = value;
  }
  if (all_numbers) return out;
  int32_t next = 0;
  for (const std::string& name : sorted) out[name] = next++;
  names = std::move(sorted);
  return out;
}

/// Grey pixels three times.
void spread_grey(std::vector<uint8_t>& pixels) {
  const size_t count = pixels.size();
  pixels.resize(3 * count);
  for (size_t i = count; i-- > 0;) {
    const uint8_t value = pixels[i];
    for (size_t c = 0; c < 3; ++c) pixels[3 * i + c] = value;
  }
}

}  // namespace

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error)
    throw FormatFault(folder, fmt::format("cannot be listed: {}", error.message()))
        .of(DiagnosticKind::kFileUnreadable);
  std::sort(names.begin(), names.end(), natural_less);
  return names;
}

std::vector<PictureFile> list_pictures(const std::string& folder) {
  std::vector<PictureFile> out;
  const std::vector<std::string> names = names_in(folder);
  const auto add = [&](const std::string& in, const std::string& name, const std::string& label) {
    if (!name.starts_with(".") && is_picture_name(name)) out.push_back({in + "/" + name, label});
  };
  std::error_code error;
  for (const std::string& name : names) {
    const std::string path = folder + "/" + name;
    if (!fs::is_directory(path, error)) {
      add(folder, name, "");
    } else if (!name.starts_with(".")) {
      for (const std::string& inner : names_in(path)) add(path, inner, name);
    }
  }
  return out;
}

ImageSet read_pictures(const std::vector<PictureFile>& files, const std::string& folder,
                       source::DiagnosticSink& sink) {
  if (files.empty())
    throw FormatFault(folder, "holds no images").of(DiagnosticKind::kImageSetEmpty);
  auto pixels = std::make_shared<std::vector<uint8_t>>();
  ImageShape shape;
  std::string converted;
  for (const PictureFile& file : files) {
    std::error_code error;
    if (!fs::is_regular_file(file.path, error))
      throw FormatFault(file.path, "is not a regular file").of(DiagnosticKind::kFileUnreadable);
    source::DiagnosticSink own;
    image::Conversions conversions;
    const auto image = image::read_image(file.path, own, &conversions);
    if (!image) {
      const source::Diagnostic& first = own.diagnostics().front();
      throw FormatFault(first);
    }
    if (!conversions.empty() && converted.empty()) {
      converted = file.path;
      sink.warning(DiagnosticKind::kImageFormat, {},
                   fmt::format("the image `{}` is not as it was: {}", file.path, conversions[0]));
    }
    if (pixels->empty()) {
      shape = {image->channels, image->height, image->width};
      accept_images(folder, files.size(), shape, 0);
      pixels->reserve(files.size() * shape.size());
    }
    if (image->height != shape.height || image->width != shape.width)
      throw FormatFault(
          file.path,
          fmt::format("is {} by {} pixels, and `{}` is {} by {}; the images of a set "
                      "have one size",
                      image->height, image->width, files[0].path, shape.height, shape.width),
          {}, "scale or crop them to one size")
          .of(DiagnosticKind::kImageSize);
    if (image->channels == 3 && shape.channels == 1) {
      shape.channels = 3;
      accept_images(folder, files.size(), shape, 0);
      spread_grey(*pixels);
    }
    std::vector<uint8_t> values = image->pixels;
    if (image->channels == 1 && shape.channels == 3) spread_grey(values);
    pixels->insert(pixels->end(), values.begin(), values.end());
  }
  std::vector<int32_t> labels;
  std::vector<std::string> names;
  const bool labelled = std::all_of(files.begin(), files.end(),
                                    [](const PictureFile& f) { return !f.label.empty(); });
  if (labelled) {
    const auto numbers = number_labels(files, names);
    for (const PictureFile& file : files) labels.push_back(numbers.at(file.label));
  }
  const size_t size = shape.size();
  return {shape, storage_of(std::move(pixels), size, PixelOrder::kInterleaved), std::move(labels),
          std::move(names)};
}

}  // namespace vinci::dataset
