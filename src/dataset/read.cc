#include "dataset/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "dataset/archive.h"
#include "dataset/byte_source.h"
#include "dataset/cifar.h"
#include "dataset/csv_images.h"
#include "dataset/file_names.h"
#include "dataset/format_fault.h"
#include "dataset/idx.h"
#include "dataset/npy_images.h"
#include "dataset/picture_folder.h"
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

/// What the readers below need to know.
struct Reading {
  const ReadOptions& options;
  source::DiagnosticSink& sink;
};

/// The beginning of a regular file, unpacked.
std::string head_of(const std::string& path) {
  require_regular(path);
  std::string head = ByteSource(path).peek(8);
  if (head.empty()) fail(DiagnosticKind::kImageSetEmpty, path, "is empty");
  return head;
}

bool is_zip(const std::string& head) { return head.starts_with("PK\x03\x04"); }

ImageSet read_archive(const std::string& path, NamedSplit split, const Reading& reading);

/// One file by what it begins with, or by its name where that says nothing. `split` is for archives
/// that hold several.
ImageSet read_images(const std::string& path, NamedSplit split, const Reading& reading) {
  const ReadOptions& options = reading.options;
  const std::string head = head_of(path);
  if (is_idx(head)) return read_idx_images(path, options.shape);
  if (head.starts_with(data::kNpyMagic)) return images_of(open_npy(path), options.shape);
  if (is_zip(head)) return read_archive(path, split, reading);
  const fs::path name = fs::path(path).filename();
  FileName parsed;
  if (parse_file_name(name.string(), parsed)) {
    if (parsed.kind == FileKind::kCifar) return read_cifar(path);
    if (parsed.kind == FileKind::kCsv) return read_csv_images(path, options.shape);
  }
  if (is_picture_name(name.string())) return read_pictures({{path, ""}}, path, reading.sink);
  fail(DiagnosticKind::kImageSetFormat, path, "is no set of images that vinci reads",
       "idx, npy, npz, CSV, CIFAR-10's binary batches and folders of PNG files are");
}

std::vector<int32_t> read_labels(const std::string& path) {
  const std::string head = head_of(path);
  if (head.starts_with(data::kNpyMagic)) return labels_of(open_npy(path));
  return read_idx_labels(path);
}

ImageSet read_group(const FileGroup& group, NamedSplit split, const Reading& reading) {
  std::vector<ImageSet> parts;
  const std::vector<std::string>& paths = group.images.at(split);
  if (paths.size() > 1 && group.kind != FileKind::kCifar)
    fail(DiagnosticKind::kImageSetAmbiguous, paths[1],
         fmt::format("and `{}` are both {} images by their names; expected one file", paths[0],
                     name_of(split)));
  for (const std::string& path : paths) {
    parts.push_back(read_images(path, split, reading));
    if (parts.back().shape() != parts[0].shape())
      fail(DiagnosticKind::kImageSize, path,
           fmt::format("has images of another size than `{}`", paths[0]));
  }
  ImageSet images = ImageSet::concatenate(parts);
  if (reading.options.without_labels) return images.without_labels();
  const auto labels = group.labels.find(split);
  if (labels == group.labels.end()) return images;
  return with_labels(std::move(images), read_labels(labels->second), paths[0], labels->second);
}

Splits splits_of_group(const FileGroup& group, const Reading& reading) {
  Splits out;
  for (const auto& [split, paths] : group.images)
    out[split] = [group, reading, which = split] { return read_group(group, which, reading); };
  return out;
}

ImageSet read_member(const Archive& archive, const FileGroup& group, NamedSplit split,
                     const Reading& reading) {
  const std::vector<std::string>& paths = group.images.at(split);
  if (paths.size() > 1)
    fail(DiagnosticKind::kImageSetAmbiguous, archive.path(),
         fmt::format("holds two arrays of {} images by their names", name_of(split)));
  const NpyArray array = archive.open(paths[0]);
  ImageSet images = images_of(array, reading.options.shape);
  const auto labels = group.labels.find(split);
  if (labels == group.labels.end() || reading.options.without_labels) return images;
  const NpyArray label_array = archive.open(labels->second);
  return with_labels(std::move(images), labels_of(label_array), array.path, label_array.path);
}

Splits splits_of_archive(const std::string& path, const Reading& reading) {
  const Archive archive(path);
  const std::vector<FileGroup> groups = archive.groups();
  const FileGroup* group = choose_group(groups, path);
  if (group == nullptr) fail(DiagnosticKind::kImageSetEmpty, path, "holds no array of images");
  Splits out;
  for (const auto& [split, paths] : group->images)
    out[split] = [archive, chosen = *group, reading, which = split] {
      return read_member(archive, chosen, which, reading);
    };
  return out;
}

ImageSet read_archive(const std::string& path, NamedSplit split, const Reading& reading) {
  const Splits splits = splits_of_archive(path, reading);
  if (splits.size() == 1) return splits.begin()->second();
  const auto found = splits.find(split);
  if (found == splits.end())
    fail(DiagnosticKind::kImageSetEmpty, path, fmt::format("has no {} images", name_of(split)));
  return found->second();
}

/// Labels beside a file of images that was named alone.
ImageSet read_with_neighbour(const std::string& path, const Reading& reading) {
  ImageSet images = read_images(path, NamedSplit::kNone, reading);
  if (reading.options.without_labels) return images.without_labels();
  if (images.has_labels()) return images;
  const fs::path whole(path);
  const std::string folder = whole.has_parent_path() ? whole.parent_path().string() : ".";
  for (const FileGroup& group : group_files(folder, names_in(folder), "")) {
    for (const auto& [split, paths] : group.images) {
      const auto is_it = [&](const std::string& p) {
        return fs::path(p).filename() == whole.filename();
      };
      const auto labels = group.labels.find(split);
      if (labels == group.labels.end() || !std::any_of(paths.begin(), paths.end(), is_it)) continue;
      return with_labels(std::move(images), read_labels(labels->second), path, labels->second);
    }
  }
  return images;
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

/// Pictures in folders that are named after their split, or all in one.
Splits splits_of_pictures(const std::string& folder, const std::vector<std::string>& names,
                          const Reading& reading) {
  Splits out;
  std::error_code error;
  for (const std::string& name : names) {
    const NamedSplit split = split_word(name);
    const std::string path = folder + "/" + name;
    if (split == NamedSplit::kNone || !fs::is_directory(path, error)) continue;
    if (out.count(split) > 0)
      fail(DiagnosticKind::kImageSetAmbiguous, path,
           fmt::format("is the second folder of {} images by its name", name_of(split)));
    out[split] = [path, reading] { return read_pictures(list_pictures(path), path, reading.sink); };
  }
  if (!out.empty()) return out;
  const std::vector<PictureFile> files = list_pictures(folder);
  if (!files.empty())
    out[NamedSplit::kNone] = [files, folder, reading] {
      return read_pictures(files, folder, reading.sink);
    };
  return out;
}

Splits splits_of_folder(const std::string& folder, const std::string& beginning,
                        const Reading& reading) {
  const std::string path = beginning.empty() ? folder : folder + "/" + beginning;
  const std::vector<std::string> names = names_in(folder);
  const std::vector<FileGroup> groups = group_files(folder, names, beginning);
  if (const FileGroup* group = choose_group(groups, path)) {
    // A single archive may hold the splits itself.
    if (group->kind == FileKind::kNpz && group->images.size() == 1 &&
        group->images.begin()->first == NamedSplit::kNone &&
        group->images.begin()->second.size() == 1)
      return splits_of_archive(group->images.begin()->second[0], reading);
    return splits_of_group(*group, reading);
  }
  for (const FileGroup& group : groups) {
    for (const auto& [split, labels] : group.labels)
      fail(DiagnosticKind::kImageSetLabels, labels,
           fmt::format("has labels, and there are no {}images beside it",
                       split == NamedSplit::kNone ? "" : name_of(split) + std::string(" ")));
  }
  if (!beginning.empty()) fail(DiagnosticKind::kFileNotFound, path, "does not exist");
  Splits pictures = splits_of_pictures(folder, names, reading);
  if (pictures.empty())
    fail(DiagnosticKind::kImageSetEmpty, folder, "holds no images",
         "idx, npy, npz, CSV, CIFAR-10's binary batches and PNG files are read");
  return pictures;
}

Splits splits_of(const std::string& path, const Reading& reading) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return splits_of_folder(path, "", reading);
  if (!fs::exists(status)) {
    const fs::path whole(path);
    const std::string folder = whole.has_parent_path() ? whole.parent_path().string() : ".";
    const std::string beginning = whole.filename().string();
    if (beginning.empty() || !fs::is_directory(folder, error))
      fail(DiagnosticKind::kFileNotFound, path, "does not exist");
    return splits_of_folder(folder, beginning, reading);
  }
  if (is_zip(head_of(path))) return splits_of_archive(path, reading);
  Splits out;
  out[NamedSplit::kNone] = [path, reading] { return read_with_neighbour(path, reading); };
  return out;
}

}  // namespace

std::optional<ImageSet> read_image_set(const std::string& path, const ReadOptions& options,
                                       source::DiagnosticSink& sink) {
  try {
    const ImageSet set = take(splits_of(path, {options, sink}), options, path);
    return options.without_labels ? set.without_labels() : set;
  } catch (const FormatFault& fault) {
    fault.report(sink);
  } catch (const Error& error) {
    sink.error(DiagnosticKind::kFileUnreadable, {}, error.what());
  }
  return std::nullopt;
}

}  // namespace vinci::dataset
