// What a run leaves for later ones: checkpoints of a fit that was cut short, and approximations to
// start from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/data_table.h"
#include "infer/checkpoint.h"
#include "model/model.h"
#include "source/source_file.h"

namespace vinci::api {

/// Columns as people write them: `theta[3]` of `theta.3`.
std::vector<std::string> bracket_names(const std::vector<std::string>& columns);
/// The unconstrained coordinates as records and checkpoints name them: `theta[3]`.
std::vector<std::string> coordinate_names(const model::Model& model);

/// A number of 64 bits, as 16 hexadecimal digits, that changes with the text of any file of
/// `sources` (a program with its includes), or with any name, size or value of the table.
std::string fingerprint(const source::SourceMap& sources);
std::string fingerprint(const data::DataTable& table);

/// A fit of which, and where it stands.
struct SavedFit {
  std::string version;
  std::string program;  // its path, for messages
  std::string program_fingerprint;
  std::string data_fingerprint;
  uint64_t seed = 1;
  std::string method;
  std::string family;
  std::vector<std::string> unconstrained_names;
  infer::Checkpoint state;  // evaluations and seconds of earlier parts of the run included
};

/// Writes JSON; the file appears whole or not at all. Throws Error(kIo).
void write_checkpoint(const std::string& path, const SavedFit& fit);
/// Throws Error(kInput), a sentence that names the path: no such file, not a checkpoint, written by
/// another version, or damaged.
SavedFit read_checkpoint(const std::string& path);

/// Where a fit may begin, from the record of another one.
struct WarmStart {
  infer::FamilyPtr q;
  std::vector<double> point;  // the mean of q
  size_t num_matched = 0;     // coordinates that the record has
};

/// Empty where `text` is not a run record (then it holds initial values). Coordinates are matched
/// by name; those that the record lacks get the deviation 1 about a mean that is uniform on
/// (-2, 2). Above `max_dense_dim` coordinates q is a product. Throws Error(kInput), a sentence
/// without the path, where the record holds no approximation or no name of it is in `names`.
std::optional<WarmStart> start_from_record(std::string_view text,
                                           const std::vector<std::string>& names,
                                           Index max_dense_dim, uint64_t seed);

}  // namespace vinci::api
