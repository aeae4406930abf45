// What the names of the files of a data set say: which split, images or labels, which set of
// several.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vinci::dataset {

enum class NamedSplit : uint8_t { kNone, kTrain, kValidation, kTest };

/// kTrain for "train", "training", "background"; kTest for "t10k", "test", "testing", "evaluation",
/// "eval"; kValidation for "valid", "val", "validation", "dev"; in any letter case.
NamedSplit split_word(std::string_view word);

enum class FileKind : uint8_t { kIdx, kNpy, kNpz, kCsv, kCifar, kPicture };

/// `train-labels-idx1-ubyte.gz` is labels of kTrain, idx, of the set "".
struct FileName {
  std::string set;  ///< what is left of the name: "binarized_mnist"
  NamedSplit split = NamedSplit::kNone;
  bool is_labels = false;
  FileKind kind = FileKind::kIdx;
};

/// False where the name is not that of a file of a data set. `name` without folders.
bool parse_file_name(std::string_view name, FileName& out);

/// Whether the name ends as a picture's does: png, bmp, pgm, ppm, in any letter case.
bool is_picture_name(std::string_view name);

/// Files of one set and one kind in a folder.
struct FileGroup {
  std::string set;
  FileKind kind = FileKind::kIdx;
  /// Whole paths in their order (shards of a split follow one another).
  std::map<NamedSplit, std::vector<std::string>> images;
  std::map<NamedSplit, std::string> labels;
};

/// The groups among the files `names` of `folder` ("": none) whose names begin with `beginning`, in
/// the order of set and kind. Of a file and its gzipped twin the plain one counts.
std::vector<FileGroup> group_files(const std::string& folder, const std::vector<std::string>& names,
                                   const std::string& beginning);

/// The group to take of several: the only one with images, or the only one without a name of its
/// own; null where none has images. Throws FormatFault where there is a choice. `path`: what holds
/// them.
const FileGroup* choose_group(const std::vector<FileGroup>& groups, const std::string& path);

/// Less, with runs of digits compared as numbers: "2.png" before "10.png".
bool natural_less(std::string_view a, std::string_view b);

}  // namespace vinci::dataset
