// The header of NumPy's .npy files, for all who read arrays from files, streams or archives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vinci::data {

/// An element that a number can be read from.
struct NpyElement {
  char kind = 0;  ///< f, i, u or b
  size_t size = 0;
  bool is_big_endian = false;

  /// Whether its bytes stand the other way round than this machine's.
  bool is_swapped() const;
};

struct NpyHeader {
  std::string descr;  ///< such as "<f8"
  bool fortran_order = false;
  std::vector<int64_t> shape;  ///< not negative
  /// The text of the header, from its brace on; places below are in it.
  size_t text_begin = 0;
  size_t descr_begin = 0;
  size_t shape_begin = 0;
  size_t shape_end = 0;
  size_t data_begin = 0;  ///< of the file: where the array begins

  /// Numbers of the array, where `room` bytes hold exactly them; nothing otherwise.
  std::optional<size_t> count_in(size_t room, size_t element_size) const;
};

/// What is wrong with a header: a clause such as "it ends inside its header".
struct NpyHeaderFault {
  std::string clause;
  bool is_type_error = false;  ///< its elements are no numbers
  bool is_in_text = false;     ///< `at` is a place in the text of the header
  size_t at = 0;
};

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";
/// So many bytes tell how long the header is.
inline constexpr size_t kNpyHeadBytes = 12;

/// Bytes from the beginning of the file to its array, where the first kNpyHeadBytes (or the whole
/// file) say so; 0, with `fault` set, where they are no .npy file of version 1 to 3 with a header
/// of at most 1 MiB.
size_t npy_data_begin(std::string_view head, NpyHeaderFault& fault);

/// From a file, or its first npy_data_begin bytes.
std::optional<NpyHeader> parse_npy_header(std::string_view bytes, NpyHeaderFault& fault);

/// bool, int8 to int64, uint8 to uint64, float32 and float64 of either byte order; nothing for
/// others.
std::optional<NpyElement> npy_element(std::string_view descr);

}  // namespace vinci::data
