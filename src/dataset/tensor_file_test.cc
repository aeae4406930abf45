#include "dataset/tensor_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "vinci/error.h"

namespace vinci::dataset {
namespace {

using testing::HasSubstr;

TensorFile example() {
  TensorFile file;
  file.kind = "vae";
  file.config = R"({"latent":2,"hidden":[3]})";
  file.shape = {1, 2, 3, 10};
  file.training = R"({"step":7})";
  file.tensors.push_back({"model/a", TensorType::kFloat32, {2, 1}, std::string("\0\0\0\0abcd", 8)});
  file.tensors.push_back({"model/b", TensorType::kInt64, {}, "12345678"});
  file.tensors.push_back({"model/c", TensorType::kFloat64, {0, 5}, ""});
  return file;
}

std::string message(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(TensorFile, ComesBackFromItsBytes) {
  const TensorFile file = example();
  const std::string bytes = tensor_file_bytes(file);
  EXPECT_TRUE(is_tensor_file(bytes));
  const TensorFile back = parse_tensor_file(bytes, "m");
  EXPECT_EQ(back.kind, file.kind);
  EXPECT_EQ(back.config, file.config);
  EXPECT_EQ(back.shape, file.shape);
  EXPECT_EQ(back.training, file.training);
  ASSERT_EQ(back.tensors.size(), 3u);
  EXPECT_EQ(back.find("model/a")->bytes, file.tensors[0].bytes);
  EXPECT_EQ(back.find("model/b")->num_elements(), 1u);
  EXPECT_EQ(back.find("model/d"), nullptr);
  EXPECT_EQ(tensor_file_bytes(back), bytes);
}

TEST(TensorFile, EveryCutAndEveryChangedByteIsAnError) {
  const std::string bytes = tensor_file_bytes(example());
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW(parse_tensor_file(std::string_view(bytes).substr(0, length), "m"), Error)
        << length;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_THROW(parse_tensor_file(changed, "m"), Error) << at;
  }
  EXPECT_THAT(message([&] { parse_tensor_file(bytes + "x", "m"); }), HasSubstr("1 bytes follow"));
}

TEST(TensorFile, SaysWhatIsWrong) {
  const auto with = [](const std::function<void(TensorFile&)>& change) {
    TensorFile file = example();
    change(file);
    return message([&] { parse_tensor_file(tensor_file_bytes(file), "m"); });
  };
  EXPECT_THAT(with([](auto& f) { f.shape[1] = 0; }), HasSubstr("of which shape"));
  EXPECT_THAT(with([](auto& f) { f.shape[1] = 70000; }), HasSubstr("out of range"));
  EXPECT_THAT(with([](auto& f) { f.tensors[0].sizes = {-1}; }), HasSubstr("negative size"));
  EXPECT_THAT(with([](auto& f) { f.tensors[2].sizes = {0, 1 << 30, 1 << 30}; }),
              HasSubstr("`model/c` is too large"));
  EXPECT_THAT(with([](auto& f) { f.tensors[0].sizes = {9, 9}; }),
              HasSubstr("ends within tensor `model/a` (16 bytes are left of 324)"));
  EXPECT_THAT(with([](auto& f) { f.config = std::string(200, '[') + std::string(200, ']'); }),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(message([] { parse_tensor_file("hello", "m"); }), HasSubstr("not a model"));
}

}  // namespace
}  // namespace vinci::dataset
