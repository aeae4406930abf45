// Any bytes are a model or an Error.
#include <cstddef>
#include <string_view>

#include "deep/model_file.h"
#include "vinci/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const vinci::deep::ModelFile file = vinci::deep::parse_model_file(bytes, "fuzz");
    vinci::deep::build_model(file, at::kCPU);
  } catch (const vinci::Error&) {
  }
  return 0;
}
