// What compress, decompress and inspect have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "coding/codec.h"
#include "source/mapped_file.h"

namespace vinci::cli {

/// Throws Error(kIo).
std::shared_ptr<const source::MappedFile> map_or_throw(const std::string& path);

/// A file that vinci compress or vinci deep wrote. Throws Error(kInput) where it is neither.
coding::TableModelPtr load_model(const std::string& path);

/// `10 000 images, 7 840 000 pixels` or `500 rows, 1 500 values`.
std::string extent(const dataset::TableLayout& layout, uint64_t rows);

/// The negative bound that a rate is to meet: `-ELBO`, or `-L_4` of several particles.
std::string bound_name(const coding::BitsBackOptions& options);

/// What one value is called: pixel or value.
const char* value_name(const dataset::TableLayout& layout);

}  // namespace vinci::cli
