// libFuzzer: any bytes are a file of tensors, which then comes back from its bytes, or an Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataset/tensor_file.h"
#include "vinci/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vinci::dataset;  // NOLINT: a single file
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const TensorFile file = parse_tensor_file(bytes, "fuzz");
    const std::string again = tensor_file_bytes(file);
    if (tensor_file_bytes(parse_tensor_file(again, "fuzz")) != again) std::abort();
  } catch (const vinci::Error&) {
  }
  return 0;
}
