#include "dataset/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "dataset/byte_source.h"
#include "dataset/file_names.h"
#include "dataset/format_fault.h"
#include "dataset/idx.h"
#include "vinci/error.h"

namespace vinci::dataset {

namespace {

namespace fs = std::filesystem;
using source::DiagnosticKind;

const char* name_of(NamedSplit split) {
  switch (split) {
    case NamedSplit::kTrain:
      return "training";
    case NamedSplit::kValidation:
      return "validation";
    case NamedSplit::kTest:
      return "test";
    case NamedSplit::kNone:
      break;
  }
  return "unnamed";
}

/// The splits that a place holds, each read when it is asked for.
using Splits = std::map<NamedSplit, std::function<ImageSet()>>;

[[noreturn]] void fail(DiagnosticKind kind, const std::string& path, const std::string& clause,
                       const std::string& hint = {}) {
  FormatFault fault(path, clause, {}, hint);
  fault.kind = kind;
  throw fault;
}

/// A pipe or device is not opened: it might never answer.
void require_regular(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) fail(DiagnosticKind::kFileNotFound, path, "does not exist");
  if (!fs::is_regular_file(status))
    fail(DiagnosticKind::kFileUnreadable, path, "is not a regular file");
}

ImageSet with_labels(ImageSet images, std::vector<int32_t> labels, const std::string& images_path,
                     const std::string& labels_path) {
  if (labels.size() != images.size())
    fail(DiagnosticKind::kImageSetLabels, labels_path,
         fmt::format("has {} labels, and `{}` has {} images", labels.size(), images_path,
                     images.size()));
  return images.with_labels(std::move(labels));
}

/// One file by what it begins with.
ImageSet read_images(const std::string& path, const ReadOptions& options) {
  require_regular(path);
  std::string head;
  {
    ByteSource source(path);
    head = source.peek(8);
  }
  if (head.empty()) fail(DiagnosticKind::kImageSetEmpty, path, "is empty");
  if (is_idx(head)) return read_idx_images(path, options.shape);
  fail(DiagnosticKind::kImageSetFormat, path, "is no set of images that vinci reads",
       "idx, npy, npz, CSV, CIFAR-10's binary batches and folders of PNG files are");
}

std::vector<int32_t> read_labels(const std::string& path) {
  require_regular(path);
  return read_idx_labels(path);
}

ImageSet read_group(const FileGroup& group, NamedSplit split, const ReadOptions& options) {
  std::vector<ImageSet> parts;
  const std::vector<std::string>& paths = group.images.at(split);
  if (paths.size() > 1 && group.kind != FileKind::kCifar)
    fail(DiagnosticKind::kImageSetAmbiguous, paths[1],
         fmt::format("and `{}` are both {} images by their names; expected one file", paths[0],
                     name_of(split)));
  for (const std::string& path : paths) {
    parts.push_back(read_images(path, options));
    if (parts.back().shape() != parts[0].shape())
      fail(DiagnosticKind::kImageSize, path,
           fmt::format("has images of another size than `{}`", paths[0]));
  }
  ImageSet images = ImageSet::concatenate(parts);
  const auto labels = group.labels.find(split);
  if (labels == group.labels.end() || options.without_labels) return images;
  return with_labels(std::move(images), read_labels(labels->second), paths[0], labels->second);
}

/// The group to take of several: the only one with images, or the only one without a name of its
/// own.
const FileGroup* choose(const std::vector<FileGroup>& groups, const std::string& path) {
  std::vector<const FileGroup*> with_images;
  std::vector<const FileGroup*> plain;
  for (const FileGroup& group : groups) {
    if (group.images.empty()) continue;
    with_images.push_back(&group);
    if (group.set.empty()) plain.push_back(&group);
  }
  if (with_images.empty()) return nullptr;
  if (with_images.size() == 1) return with_images[0];
  if (plain.size() == 1) return plain[0];
  std::string files;
  for (const FileGroup* group : with_images) {
    const fs::path first = group->images.begin()->second[0];
    files += fmt::format("{}`{}`", files.empty() ? "" : ", ", first.filename().string());
  }
  fail(DiagnosticKind::kImageSetAmbiguous, path,
       fmt::format("holds several sets of images: {}", files),
       "name one of these files, or give the beginning of the names of one set");
}

Splits splits_of_group(const FileGroup& group, const ReadOptions& options) {
  Splits out;
  for (const auto& [split, paths] : group.images)
    out[split] = [&group, &options, which = split] { return read_group(group, which, options); };
  return out;
}

/// Labels beside a file of images that was named alone.
ImageSet read_with_neighbour(const std::string& path, const ReadOptions& options) {
  ImageSet images = read_images(path, options);
  FileName name;
  const fs::path whole(path);
  const std::string file = whole.filename().string();
  const size_t at = file.find("images");
  if (options.without_labels || images.has_labels() || at == std::string::npos ||
      !parse_file_name(file, name) || name.kind != FileKind::kIdx)
    return images;
  std::string labels = file;
  labels.replace(at, 6, "labels");
  for (const std::string_view sizes : {"idx3", "idx4", "idx2"}) {
    const size_t idx = labels.find(sizes);
    if (idx != std::string::npos) labels.replace(idx, 4, "idx1");
  }
  if (labels.ends_with(".gz")) labels.resize(labels.size() - 3);
  for (const char* ending : {"", ".gz"}) {
    const std::string beside = (whole.parent_path() / (labels + ending)).string();
    std::error_code error;
    if (fs::exists(beside, error))
      return with_labels(std::move(images), read_labels(beside), path, beside);
  }
  return images;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error)
    fail(DiagnosticKind::kFileUnreadable, folder,
         fmt::format("cannot be listed: {}", error.message()));
  std::sort(names.begin(), names.end(), natural_less);
  return names;
}

ImageSet without_last(const ImageSet& train, uint64_t validation, const std::string& path) {
  if (validation >= train.size())
    fail(DiagnosticKind::kImageSetEmpty, path,
         fmt::format("has {} training images; {} of them cannot be set apart for validation",
                     train.size(), validation));
  return train.slice(0, train.size() - validation);
}

/// What was asked for, from what is there.
ImageSet take(const Splits& splits, const ReadOptions& options, const std::string& path) {
  const auto has = [&](NamedSplit split) { return splits.count(split) > 0; };
  const auto get = [&](NamedSplit split) { return splits.at(split)(); };
  const NamedSplit train = has(NamedSplit::kTrain) ? NamedSplit::kTrain : NamedSplit::kNone;
  const auto missing = [&](NamedSplit split, const std::string& hint) {
    std::string found;
    for (const auto& [which, read] : splits)
      found += fmt::format("{}{}", found.empty() ? "" : " and ", name_of(which));
    fail(DiagnosticKind::kImageSetEmpty, path,
         fmt::format("has no {} images; it has {} images", name_of(split), found), hint);
  };
  switch (options.split) {
    case Split::kTrain:
      if (!has(train)) missing(NamedSplit::kTrain, "");
      return without_last(get(train), options.validation, path);
    case Split::kValidation: {
      if (options.validation == 0) {
        if (!has(NamedSplit::kValidation))
          missing(NamedSplit::kValidation, "set some training images apart for validation");
        return get(NamedSplit::kValidation);
      }
      if (!has(train)) missing(NamedSplit::kTrain, "");
      const ImageSet all = get(train);
      const ImageSet rest = without_last(all, options.validation, path);
      return all.slice(rest.size(), options.validation);
    }
    case Split::kTest:
      if (has(NamedSplit::kTest)) return get(NamedSplit::kTest);
      if (!has(NamedSplit::kNone)) missing(NamedSplit::kTest, "");
      return get(NamedSplit::kNone);
    case Split::kAll:
      break;
  }
  std::vector<ImageSet> sets;
  for (const auto& [split, read] : splits) {
    sets.push_back(read());
    if (sets.back().shape() != sets[0].shape())
      fail(DiagnosticKind::kImageSize, path,
           fmt::format("has {} images of another size than its {} images", name_of(split),
                       name_of(splits.begin()->first)));
  }
  return ImageSet::concatenate(sets);
}

ImageSet read_folder(const std::string& folder, const std::string& beginning,
                     const ReadOptions& options) {
  const std::string path = beginning.empty() ? folder : folder + "/" + beginning;
  const std::vector<std::string> names = names_in(folder);
  const std::vector<FileGroup> groups = group_files(folder, names, beginning);
  if (const FileGroup* group = choose(groups, path))
    return take(splits_of_group(*group, options), options, path);
  for (const FileGroup& group : groups) {
    for (const auto& [split, labels] : group.labels)
      fail(DiagnosticKind::kImageSetLabels, labels,
           fmt::format("has labels, and there are no {} images beside it", name_of(split)));
  }
  if (!beginning.empty()) fail(DiagnosticKind::kFileNotFound, path, "does not exist");
  fail(DiagnosticKind::kImageSetEmpty, folder, "holds no images");
}

ImageSet read(const std::string& path, const ReadOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return read_folder(path, "", options);
  if (!fs::exists(status)) {
    const fs::path whole(path);
    const std::string folder =
        whole.has_parent_path() ? whole.parent_path().string() : std::string(".");
    const std::string beginning = whole.filename().string();
    if (beginning.empty() || !fs::is_directory(folder, error))
      fail(DiagnosticKind::kFileNotFound, path, "does not exist");
    return read_folder(folder, beginning, options);
  }
  return take({{NamedSplit::kNone, [&] { return read_with_neighbour(path, options); }}}, options,
              path);
}

}  // namespace

std::optional<ImageSet> read_image_set(const std::string& path, const ReadOptions& options,
                                       source::DiagnosticSink& sink) {
  try {
    return read(path, options);
  } catch (const FormatFault& fault) {
    fault.report(sink);
  } catch (const Error& error) {
    sink.error(DiagnosticKind::kFileUnreadable, {}, error.what());
  }
  return std::nullopt;
}

}  // namespace vinci::dataset
