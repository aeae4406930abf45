// Output folders appear whole or not at all.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace vinci::draws {

/// Writes the file `name` of the folder, which may lie in folders within ("3/12.png"). Throws
/// Error(kIo).
using FolderSink = std::function<void(const std::string& name, std::string_view bytes)>;

/// Runs `fill` on a new folder beside `path`, makes sure that its files are on the disk and renames
/// it to `path`, where nothing or an empty folder may stand. A failure or exception leaves no
/// trace.
///
/// Throws Error(kIo), a sentence that names the path and the reason (it is not empty, no space
/// left, a name that stands twice, ...); what `fill` throws passes through. Names must not lead out
/// of the folder.
void write_folder_atomically(const std::string& path,
                             const std::function<void(const FolderSink&)>& fill);

}  // namespace vinci::draws
