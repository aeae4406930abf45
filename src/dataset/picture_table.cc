#include "dataset/picture_table.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <new>
#include <utility>

#include "dataset/element_type.h"
#include "dataset/file_names.h"
#include "dataset/format_fault.h"
#include "dataset/image_set.h"
#include "dataset/picture_folder.h"
#include "image/image.h"
#include "vinci/error.h"

namespace vinci::dataset {

namespace {

namespace fs = std::filesystem;
using source::DiagnosticKind;

constexpr int kMaxDepth = 8;
constexpr size_t kMaxNameBytes = size_t{1} << 28;  // of all names together
constexpr ElementType kSize{8, false, false};      // how the size of the names is written

bool is_png_name(const std::string& name) {
  return is_picture_name(name) &&
         std::tolower(static_cast<unsigned char>(name[name.size() - 2])) == 'n';
}

/// What a folder holds, by paths relative to it.
struct Listing {
  std::vector<std::string> pictures;
  size_t others = 0;
};

void list(const std::string& root, const std::string& folder, int depth, Listing& out) {
  for (const std::string& name : names_in(folder.empty() ? root : root + "/" + folder)) {
    const std::string relative = folder.empty() ? name : folder + "/" + name;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(root + "/" + relative, error);
    if (fs::is_directory(status)) {
      if (depth == kMaxDepth)
        throw FormatFault(root, fmt::format("has folders more than {} deep", kMaxDepth));
      list(root, relative, depth + 1, out);
    } else if (is_png_name(name)) {
      out.pictures.push_back(relative);
    } else if (is_picture_name(name)) {
      throw FormatFault(root + "/" + relative, "is no PNG file; only these can be restored", {},
                        "convert it to PNG");
    } else {
      ++out.others;
    }
  }
}

/// The names, each ended by a zero, deflated behind their size.
std::string pack_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text.append(name).push_back('\0');
  std::string out;
  encode_element(out, static_cast<int64_t>(text.size()), kSize);
  uLongf size = compressBound(text.size());
  out.resize(kSize.bytes + size);
  if (compress2(reinterpret_cast<Bytef*>(out.data() + kSize.bytes), &size,
                reinterpret_cast<const Bytef*>(text.data()), text.size(),
                Z_BEST_COMPRESSION) != Z_OK)
    throw std::bad_alloc();
  out.resize(kSize.bytes + size);
  return out;
}

/// Each part of the path is a name of its own.
bool stays_inside(const std::string& name) {
  if (name.empty() || name.front() == '/' || name.back() == '/') return false;
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find('/', at), name.size());
    const std::string part = name.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return false;
    at = end + 1;
  }
  return true;
}

std::vector<std::string> unpack_names(const std::string& packed) {
  const auto fail = [](const char* what) {
    throw Error(Error::Kind::kInput, fmt::format("The names of the pictures {}.", what));
  };
  if (packed.size() < kSize.bytes) fail("are cut off");
  const auto size = static_cast<uint64_t>(decode_element(packed.data(), kSize));
  // Deflate expands by at most 1032.
  if (size > kMaxNameBytes || size / 1032 > packed.size()) fail("are damaged");
  std::string text(size, '\0');
  uLongf got = size;
  const int status = uncompress(reinterpret_cast<Bytef*>(text.data()), &got,
                                reinterpret_cast<const Bytef*>(packed.data() + kSize.bytes),
                                static_cast<uLong>(packed.size() - kSize.bytes));
  if (status != Z_OK || got != size || (size > 0 && text.back() != '\0')) fail("are damaged");
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\0', at);
    out.push_back(text.substr(at, end - at));
    if (!stays_inside(out.back())) fail("lead out of the folder that they are restored to");
    at = end + 1;
  }
  return out;
}

class PictureTable final : public TableReader {
 public:
  PictureTable(ImageSet images, const std::vector<std::string>& names, size_t others)
      : images_(std::move(images)), others_(others) {
    const ImageShape& shape = images_.shape();
    layout_.format = TableFormat::kPictures;
    layout_.row_shape = {static_cast<uint64_t>(shape.height), static_cast<uint64_t>(shape.width)};
    if (shape.channels > 1) layout_.row_shape.push_back(static_cast<uint64_t>(shape.channels));
    layout_.columns = shape.size();
    layout_.preamble = pack_names(names);
  }
  uint64_t expected_rows() const override { return images_.size(); }
  TableEnd end() const override { return {.has_final_newline = true, .canonical = false}; }
  std::string left_out() const override {
    if (others_ == 0) return {};
    return others_ == 1 ? "1 file that is no picture"
                        : fmt::format("{} files that are no pictures", others_);
  }

 private:
  size_t read_rows(std::vector<int64_t>& values, size_t max_rows) override {
    const size_t rows = std::min(max_rows, images_.size() - done_);
    for (size_t r = 0; r < rows; ++r) {
      // Pictures are read interleaved, as they are written.
      const auto pixels = images_.image(done_ + r);
      values.insert(values.end(), pixels.begin(), pixels.end());
    }
    done_ += rows;
    return rows;
  }

  ImageSet images_;
  size_t others_;
  size_t done_ = 0;
};

}  // namespace

std::unique_ptr<TableReader> open_picture_table(const std::string& path) {
  Listing listing;
  std::vector<PictureFile> files;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    list(path, "", 0, listing);
    for (const std::string& name : listing.pictures) files.push_back({path + "/" + name, ""});
    if (files.empty())
      throw FormatFault(path, "is a folder without PNG files", {},
                        "name a file where another format is meant")
          .of(DiagnosticKind::kImageSetEmpty);
  } else {
    listing.pictures = {fs::path(path).filename().string()};
    files.push_back({path, ""});
  }
  source::DiagnosticSink sink;
  const ImageSet images = read_pictures(files, path, sink);
  if (!sink.diagnostics().empty()) {
    FormatFault fault(sink.diagnostics().front());
    fault.clause += "; it would not come back";
    fault.hint = "pictures of 8 bits a channel without transparency can be compressed";
    throw std::move(fault).of(DiagnosticKind::kImageFormat);
  }
  if (images.shape().size() > kMaxColumns)
    throw FormatFault(path, fmt::format("has pictures of {} values; at most {} can be coded as a "
                                        "row",
                                        images.shape().size(), kMaxColumns))
        .of(DiagnosticKind::kImageSize);
  return std::make_unique<PictureTable>(images, listing.pictures, listing.others);
}

PictureWriter::PictureWriter(const TableLayout& layout, Sink sink, bool are_bits)
    : layout_(layout), sink_(std::move(sink)), unit_(are_bits ? 255 : 1) {
  const auto& shape = layout_.row_shape;
  const bool fits = shape.size() == 2 || (shape.size() == 3 && shape[2] == 3);
  if (layout_.format != TableFormat::kPictures || !fits || layout_.columns > kMaxColumns)
    throw Error(Error::Kind::kInput, "The table does not hold pictures.");
  names_ = unpack_names(layout_.preamble);
}

void PictureWriter::write(uint64_t first_row, const std::vector<int64_t>& values) {
  image::Image picture;
  picture.height = static_cast<int>(layout_.row_shape[0]);
  picture.width = static_cast<int>(layout_.row_shape[1]);
  picture.channels = layout_.row_shape.size() == 3 ? 3 : 1;
  picture.pixels.resize(layout_.columns);
  for (size_t row = 0; row < values.size() / layout_.columns; ++row) {
    if (first_row + row >= names_.size())
      throw Error(Error::Kind::kInput, "There are more pictures than names of them.");
    for (size_t c = 0; c < layout_.columns; ++c) {
      const int64_t value = values[row * layout_.columns + c];
      if (value < 0 || value > 255 / unit_)
        throw Error(Error::Kind::kInput, fmt::format("The value {} is no pixel of 8 bits.", value));
      picture.pixels[c] = static_cast<uint8_t>(value * unit_);
    }
    sink_(names_[first_row + row], image::encode_png(picture));
  }
}

}  // namespace vinci::dataset
