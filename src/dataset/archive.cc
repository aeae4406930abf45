#include "dataset/archive.h"

#include <fmt/format.h>

#include <algorithm>

#include "dataset/format_fault.h"

namespace vinci::dataset {

using source::DiagnosticKind;

Archive::Archive(const std::string& path) : path_(path) {
  source::ReadStatus status{};
  std::string reason;
  file_ = source::MappedFile::open(path, status, reason);
  if (file_ == nullptr)
    throw FormatFault(path, "cannot be read: " + reason).of(DiagnosticKind::kFileUnreadable);
  members_ = read_zip_directory(*file_, path);
}

std::vector<FileGroup> Archive::groups() const {
  std::vector<std::string> names;
  names.reserve(members_.size());
  for (const ZipMember& member : members_) names.push_back(member.name);
  return group_files("", names, "");
}

NpyArray Archive::open(const std::string& member, std::string* head) const {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [&](const ZipMember& m) { return m.name == member; });
  if (found == members_.end()) throw FormatFault(path_, fmt::format("has no member `{}`", member));
  const OwnedBytes bytes = zip_member_bytes(file_, path_, *found);
  NpyArray out = parse_npy(fmt::format("{}:{}", path_, member), bytes);
  if (head != nullptr) *head = bytes.bytes.substr(0, out.header.data_begin);
  return out;
}

std::string Archive::single_array(std::string& left_out) const {
  std::string chosen;
  if (members_.size() == 1) chosen = members_[0].name;
  if (members_.size() > 1) {
    const std::vector<FileGroup> all = groups();
    const FileGroup* group = choose_group(all, path_);
    if (group != nullptr && group->images.size() == 1 && group->images.begin()->second.size() == 1)
      chosen = group->images.begin()->second[0];
  }
  if (chosen.empty())
    throw FormatFault(path_, "holds no single array of images", {},
                      "save the array that is meant as a .npy file")
        .of(members_.empty() ? DiagnosticKind::kImageSetEmpty : DiagnosticKind::kImageSetAmbiguous);
  for (const ZipMember& member : members_) {
    if (member.name != chosen)
      left_out += fmt::format("{}`{}`", left_out.empty() ? "" : ", ", member.name);
  }
  return chosen;
}

}  // namespace vinci::dataset
