// Images: what is read of each format, and that no file, however broken, does harm.
#include "image/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cstring>
#include <string>

#include "source/render.h"

namespace vinci::image {
namespace {

using source::DiagnosticSink;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The picture's rows as libpng writes them in a given form.
std::string png_of(int width, int height, int bits, int colour, bool interlaced,
                   const std::string& rows, const std::string& palette = "",
                   const std::string& alphas = "") {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep bytes, size_t n) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(bytes), n);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), bits,
               colour, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> colours(palette.size() / 3);
  if (!colours.empty()) {
    std::memcpy(colours.data(), palette.data(), 3 * colours.size());
    png_set_PLTE(png, info, colours.data(), static_cast<int>(colours.size()));
  }
  if (!alphas.empty()) {
    png_set_tRNS(png, info, reinterpret_cast<png_const_bytep>(alphas.data()),
                 static_cast<int>(alphas.size()), nullptr);
  }
  png_write_info(png, info);
  const size_t row_bytes = rows.size() / static_cast<size_t>(height);
  std::vector<png_bytep> pointers;
  std::string copy = rows;
  for (size_t row = 0; row < static_cast<size_t>(height); ++row)
    pointers.push_back(reinterpret_cast<png_bytep>(copy.data() + row * row_bytes));
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

Image decoded(const std::string& bytes, Conversions* conversions = nullptr) {
  DiagnosticSink sink;
  const auto image = decode_image(bytes, "x.png", sink, conversions);
  EXPECT_TRUE(image.has_value()) << source::render_text(sink, {});
  return image.value_or(Image{});
}

std::string error_of(const std::string& bytes) {
  DiagnosticSink sink;
  EXPECT_FALSE(decode_image(bytes, "x.png", sink).has_value());
  EXPECT_EQ(sink.num_errors(), 1);
  return source::render_text(sink, {});
}

void append_big_endian(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

uint32_t crc_of(const std::string& bytes) {
  uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  return ~crc;
}

/// A PNG that says it is this large and holds nothing.
std::string empty_png(uint32_t width, uint32_t height, char interlace = 0) {
  std::string chunk = "IHDR";
  append_big_endian(chunk, width);
  append_big_endian(chunk, height);
  chunk += std::string("\x08\0\0\0", 4) + interlace;
  std::string out = "\x89PNG\r\n\x1a\n";
  append_big_endian(out, 13);
  out += chunk;
  append_big_endian(out, crc_of(chunk));
  return out;
}

TEST(Png, GreyAndColourComeBackAsWritten) {
  for (const int channels : {1, 3}) {
    Image image{5, 3, channels, {}};
    for (int i = 0; i < 15 * channels; ++i) image.pixels.push_back(static_cast<uint8_t>(37 * i));
    const Image again = decoded(encode_png(image));
    EXPECT_EQ(again.width, 5);
    EXPECT_EQ(again.height, 3);
    EXPECT_EQ(again.channels, channels);
    EXPECT_EQ(again.pixels, image.pixels);
  }
}

TEST(Png, FewBitsAreSpreadOverTheWholeRange) {
  // Two rows of 1 bit: 1010, 0101.
  EXPECT_THAT(decoded(png_of(4, 2, 1, PNG_COLOR_TYPE_GRAY, false, "\xA0\x50")).pixels,
              ElementsAre(255, 0, 255, 0, 0, 255, 0, 255));
  EXPECT_THAT(decoded(png_of(4, 1, 2, PNG_COLOR_TYPE_GRAY, false, "\x1B")).pixels,
              ElementsAre(0, 85, 170, 255));
  EXPECT_THAT(decoded(png_of(2, 1, 4, PNG_COLOR_TYPE_GRAY, false, "\x4F")).pixels,
              ElementsAre(68, 255));
}

TEST(Png, SixteenBitsAreRounded) {
  Conversions conversions;
  const std::string row("\x00\x80\xFF\xFF\x80\x00", 6);  // 128, 65535, 32768 of 65535
  EXPECT_THAT(decoded(png_of(3, 1, 16, PNG_COLOR_TYPE_GRAY, false, row), &conversions).pixels,
              ElementsAre(0, 255, 128));
  EXPECT_THAT(conversions, ElementsAre("16 bits a channel were rounded to 8"));
}

TEST(Png, PalettesAreLookedUpAndGreyOnesComeOutGrey) {
  const std::string palette("\xFF\x00\x00\x00\x00\xFF\x0A\x0A\x0A", 9);
  const Image colour =
      decoded(png_of(3, 1, 8, PNG_COLOR_TYPE_PALETTE, false, std::string("\0\1\2", 3), palette));
  EXPECT_EQ(colour.channels, 3);
  EXPECT_THAT(colour.pixels, ElementsAre(255, 0, 0, 0, 0, 255, 10, 10, 10));
  const Image grey = decoded(png_of(2, 1, 8, PNG_COLOR_TYPE_PALETTE, false, "\2\2", palette));
  EXPECT_EQ(grey.channels, 1);
  EXPECT_THAT(grey.pixels, ElementsAre(10, 10));
}

TEST(Png, TransparencyIsLaidOnWhite) {
  Conversions conversions;
  const std::string rgba("\x00\x00\x00\x00\x00\x00\x00\xFF\x00\x00\x00\x80", 12);
  EXPECT_THAT(decoded(png_of(3, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, false, rgba), &conversions).pixels,
              ElementsAre(255, 0, 127));
  EXPECT_THAT(conversions, ElementsAre("transparent pixels were laid on white"));
  conversions.clear();
  // Opaque alpha changes nothing and is not worth a word.
  EXPECT_THAT(
      decoded(png_of(1, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, false, "\x09\xFF"), &conversions).pixels,
      ElementsAre(9));
  EXPECT_THAT(conversions, IsEmpty());
  const std::string palette("\x00\x00\x00\x01\x02\x03", 6);
  EXPECT_THAT(decoded(png_of(2, 1, 8, PNG_COLOR_TYPE_PALETTE, false, std::string("\0\1", 2),
                             palette, std::string("\0", 1)))
                  .pixels,
              ElementsAre(255, 255, 255, 1, 2, 3));
}

TEST(Png, InterlacedIsReadLikeAnyOther) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {17, 9}, {8, 8}}) {
    std::string rows;
    for (int i = 0; i < width * height; ++i) rows += static_cast<char>(i * 29 + 3);
    const Image plain = decoded(png_of(width, height, 8, PNG_COLOR_TYPE_GRAY, false, rows));
    const Image laced = decoded(png_of(width, height, 8, PNG_COLOR_TYPE_GRAY, true, rows));
    EXPECT_EQ(plain.pixels, laced.pixels);
    EXPECT_EQ(std::string(plain.pixels.begin(), plain.pixels.end()), rows);
  }
}

TEST(Png, EveryTruncationIsAnErrorThatSaysSo) {
  const std::string whole = png_of(9, 7, 8, PNG_COLOR_TYPE_GRAY, false, std::string(63, 'x'));
  for (const bool interlaced : {false, true}) {
    const std::string file = png_of(9, 7, 8, PNG_COLOR_TYPE_GRAY, interlaced, std::string(63, 'x'));
    for (size_t size = 8; size < file.size(); ++size) {
      EXPECT_THAT(
          error_of(file.substr(0, size)),
          ::testing::AllOf(HasSubstr("[image-format]"), HasSubstr("ends "), HasSubstr("hint: ")))
          << size;
    }
  }
  for (size_t size = 0; size < 8; ++size) {
    EXPECT_THAT(error_of(whole.substr(0, size)), HasSubstr("neither PNG, BMP nor"));
  }
}

TEST(Png, EveryDamagedByteGivesAnImageOrAnError) {
  std::string rows;
  for (int i = 0; i < 12 * 10 * 3; ++i) rows += static_cast<char>(i * 7);
  for (const bool interlaced : {false, true}) {
    const std::string file = png_of(12, 10, 8, PNG_COLOR_TYPE_RGB, interlaced, rows);
    for (size_t at = 8; at < file.size(); ++at) {
      for (const char flip : {'\x01', '\x80', '\xFF'}) {
        std::string damaged = file;
        damaged[at] = static_cast<char>(damaged[at] ^ flip);
        DiagnosticSink sink;
        const auto image = decode_image(damaged, "x.png", sink);
        EXPECT_NE(image.has_value(), sink.has_errors());
        if (image) {
          EXPECT_THAT(image->pixels,
                      SizeIs(image->num_pixels() * static_cast<size_t>(image->channels)));
        }
      }
    }
  }
}

TEST(Png, HeadersThatPromiseTooMuchTakeNoMemory) {
  EXPECT_THAT(
      error_of(empty_png(30000, 30000)),
      ::testing::AllOf(HasSubstr("[image-size]"), HasSubstr("30000 pixels wide and 30000 high"),
                       HasSubstr("at most 134 million pixels")));
  EXPECT_THAT(error_of(empty_png(0x7fffffff, 0x7fffffff)), HasSubstr("image-size"));
  for (const char interlace : {'\0', '\1'}) {
    EXPECT_THAT(error_of(empty_png(11000, 11000, interlace) +
                         std::string("\0\0\0\0IDAT\x35\xaf\x06\x1e", 12)),
                HasSubstr("they cannot hold so many"));
  }
  // libpng would take as much memory as the text says that it has.
  EXPECT_THAT(error_of(empty_png(7, 5) + "\x50\x36\x09\x0BtEXtTitle"),
              HasSubstr("ends before its pixels: a part of it says that it has 1345718539 bytes, "
                        "and 5 are left"));
  EXPECT_THAT(error_of(empty_png(0, 5)), HasSubstr("it has no pixels [image-size]"));
  EXPECT_THAT(error_of(empty_png(5, 0)), HasSubstr("it has no pixels [image-size]"));
}

/// Little-endian.
void append(std::string& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

std::string bmp_of(int32_t width, int32_t height, uint32_t bits, const std::string& palette,
                   const std::string& rows, uint32_t compression = 0) {
  std::string out = "BM";
  append(out, 0, 8);
  append(out, 54 + static_cast<uint32_t>(palette.size()), 4);
  append(out, 40, 4);
  append(out, static_cast<uint32_t>(width), 4);
  append(out, static_cast<uint32_t>(height), 4);
  append(out, 1, 2);
  append(out, bits, 2);
  append(out, compression, 4);
  append(out, 0, 12);
  append(out, static_cast<uint32_t>(palette.size() / 4), 4);
  append(out, 0, 4);
  return out + palette + rows;
}

TEST(Bmp, RowsFromBelowWithTheirPadding) {
  const std::string palette("\x00\x00\x00\x00\xFF\xFF\xFF\x00\x10\x20\x30\x00", 12);  // blue first
  EXPECT_THAT(decoded(bmp_of(1, 2, 8, palette, std::string("\1\0\0\0\0\0\0\0", 8))).pixels,
              ElementsAre(0, 255));
  EXPECT_THAT(decoded(bmp_of(1, -2, 8, palette, std::string("\1\0\0\0\0\0\0\0", 8))).pixels,
              ElementsAre(255, 0));
  EXPECT_THAT(decoded(bmp_of(2, 1, 8, palette, std::string("\2\0\0\0", 4))).pixels,
              ElementsAre(0x30, 0x20, 0x10, 0, 0, 0));
  EXPECT_THAT(decoded(bmp_of(1, 1, 24, "", std::string("\1\2\3\0", 4))).pixels,
              ElementsAre(3, 2, 1));
  EXPECT_THAT(decoded(bmp_of(1, 1, 32, "", std::string("\1\2\3\xFF", 4))).pixels,
              ElementsAre(3, 2, 1));
  EXPECT_THAT(decoded(bmp_of(3, 1, 1, palette.substr(0, 8), std::string("\xA0\0\0\0", 4))).pixels,
              ElementsAre(255, 0, 255));
  EXPECT_THAT(decoded(bmp_of(2, 1, 4, palette.substr(0, 8), std::string("\x10\0\0\0", 4))).pixels,
              ElementsAre(255, 0));
}

TEST(Bmp, WhatIsNotReadSaysWhy) {
  const std::string palette(8, '\0');
  EXPECT_THAT(error_of(bmp_of(2, 2, 8, palette, "")), HasSubstr("ends within its pixels"));
  EXPECT_THAT(error_of(bmp_of(1, 1, 8, palette, std::string("\7\0\0\0", 4))),
              HasSubstr("has colour 7"));
  EXPECT_THAT(error_of(bmp_of(1, 1, 8, palette, "abcd", 1)), HasSubstr("compressed bitmap"));
  EXPECT_THAT(error_of(bmp_of(1, 1, 16, "", "abcd")), HasSubstr("16 bits a pixel"));
  EXPECT_THAT(error_of(bmp_of(0, 1, 8, palette, "abcd")), HasSubstr("no pixels"));
  EXPECT_THAT(error_of(bmp_of(-3, 1, 8, palette, "abcd")), HasSubstr("no pixels"));
  EXPECT_THAT(error_of(bmp_of(30000, 30000, 24, "", "")), HasSubstr("at most 134 million"));
  EXPECT_THAT(error_of(bmp_of(1, INT32_MIN, 8, palette, "abcd")), HasSubstr("at most 134 million"));
  EXPECT_THAT(error_of("BM"), HasSubstr("ends within its header"));
  const std::string whole = bmp_of(3, 3, 24, "", std::string(36, 'x'));
  for (size_t size = 2; size < whole.size(); ++size)
    EXPECT_THAT(error_of(whole.substr(0, size)), HasSubstr("ends within")) << size;
}

TEST(Pnm, GreyAndColour) {
  EXPECT_THAT(decoded(std::string("P5\n# a comment\n2 1\n255\n\x00\x07", 27)).pixels,
              ElementsAre(0, 7));
  EXPECT_THAT(decoded("P6 1 1 15 \x0F\x01\x05").pixels, ElementsAre(255, 17, 85));
  EXPECT_THAT(error_of("P5 2 2 255\nabc"), HasSubstr("need 4 bytes, and it has 3"));
  EXPECT_THAT(error_of("P5 2 2 65535\nabcdefgh"), HasSubstr("values up to 65535"));
  EXPECT_THAT(error_of("P5 99999999999999999999 2 255\nabc"), HasSubstr("no header"));
  EXPECT_THAT(error_of("P5 100000 100000 255\nabc"), HasSubstr("at most 134 million"));
  EXPECT_THAT(error_of("P5 2 2"), HasSubstr("no header"));
  EXPECT_THAT(error_of("P5 1 1 9\n\x0B"), HasSubstr("is 11, and its maximum is 9"));
}

TEST(Image, OtherFilesAreNamed) {
  EXPECT_THAT(error_of("\xFF\xD8\xFF\xE0"), HasSubstr("it is a JPEG file"));
  EXPECT_THAT(error_of("GIF89a"), HasSubstr("it is a GIF file"));
  EXPECT_THAT(error_of("hello\nworld"),
              HasSubstr("it begins with the bytes 68 65 6c 6c 6f 0a 77 6f"));
  EXPECT_THAT(error_of(""), HasSubstr("it is empty"));
  DiagnosticSink sink;
  EXPECT_FALSE(read_image("/nonexistent/x.png", sink).has_value());
  EXPECT_THAT(source::render_text(sink, {}), HasSubstr("[file-not-found]"));
}

TEST(Image, GreyIsTheLuma) {
  EXPECT_THAT(to_grey({4, 1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}}).pixels,
              ElementsAre(76, 150, 29, 255));
}

}  // namespace
}  // namespace vinci::image
