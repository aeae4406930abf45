// Zip archives, as far as .npz files need them: members stored or deflated, zip64 included.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/mapped_file.h"

namespace vinci::dataset {

struct ZipMember {
  std::string name;
  bool is_deflated = false;  ///< otherwise stored
  std::string_view packed;   ///< in the file
  uint64_t size = 0;         ///< unpacked
  uint32_t checksum = 0;     ///< CRC-32
};

/// Bytes and what keeps them alive.
struct OwnedBytes {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

/// The members of the archive by its directory, in its order. Throws FormatFault with the byte
/// where it is not one, ends early, or has members that are encrypted or packed by another method.
std::vector<ZipMember> read_zip_directory(const source::MappedFile& file, const std::string& path);

/// The member's bytes: where they lie, if stored; otherwise inflated into memory. The checksum is
/// compared, except of stored members above 256 MiB, which are not to be read through. Throws
/// FormatFault.
OwnedBytes zip_member_bytes(const std::shared_ptr<const source::MappedFile>& file,
                            const std::string& path, const ZipMember& member);

}  // namespace vinci::dataset
