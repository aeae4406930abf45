// .npz files: NumPy arrays in a zip archive, found by their names as if they were files of a
// folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataset/file_names.h"
#include "dataset/npy_images.h"
#include "dataset/zip.h"
#include "source/mapped_file.h"

namespace vinci::dataset {

class Archive {
 public:
  /// Maps the file and reads its directory. Throws FormatFault.
  explicit Archive(const std::string& path);

  const std::string& path() const { return path_; }
  /// Its arrays as groups of images and labels; the paths in them are names of members.
  std::vector<FileGroup> groups() const;
  /// Throws FormatFault. `head`, if wanted: the bytes before the elements.
  NpyArray open(const std::string& member, std::string* head = nullptr) const;
  /// The member to take where one array is wanted: the only one, or the only one of images.
  /// `left_out` says what others there are. Throws FormatFault where there is none or a choice.
  std::string single_array(std::string& left_out) const;

 private:
  std::string path_;
  std::shared_ptr<const source::MappedFile> file_;
  std::vector<ZipMember> members_;
};

}  // namespace vinci::dataset
