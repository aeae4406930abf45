// What a table is restored by: the head of its file, then its rows.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "dataset/table_file.h"
#include "vinci/error.h"

namespace vinci::dataset {

TableLayout as_bytes(TableLayout layout) {
  if (layout.format == TableFormat::kIdx && layout.preamble.size() >= 4) layout.preamble[2] = 0x08;
  if (layout.format != TableFormat::kNpy) layout.element = {1, false, false};
  return layout;
}

TableWriter::TableWriter(const TableLayout& layout, Sink sink)
    : layout_(layout), sink_(std::move(sink)) {
  if (layout_.format == TableFormat::kPictures)
    throw Error(Error::Kind::kInput, "Pictures are restored to a folder.");
}

void TableWriter::begin(uint64_t rows) {
  std::string head = layout_.preamble;
  if (layout_.format == TableFormat::kIdx && head.size() >= 8) {
    std::string size;
    encode_element(size, static_cast<int64_t>(rows), {4, false, true});
    head.replace(4, 4, size);
  } else if (layout_.format == TableFormat::kNpy) {
    // The first number of the shape, in place where nothing changes and padded anew otherwise.
    const size_t open = head.find('(', head.find("'shape'"));
    const size_t end = head.find_first_of(",)", open);
    const std::string number = std::to_string(rows);
    if (open != std::string::npos && end != std::string::npos &&
        head.substr(open + 1, end - open - 1) != number) {
      const size_t size = head.size();
      head.replace(open + 1, end - open - 1, number);
      head.pop_back();  // the line feed
      while (head.size() + 1 > size && head.back() == ' ') head.pop_back();
      while (head.size() + 1 < size) head += ' ';
      head += '\n';
    }
  } else if (!head.empty()) {
    // The end of the line of names is written when a row follows or the end says so.
    const size_t end = layout_.has_crlf ? 2 : 1;
    head.resize(head.size() - std::min(end, head.size()));
    pending_newline_ = true;
  }
  sink_(head);
}

void TableWriter::write(uint64_t /*first_row*/, const std::vector<int64_t>& values) {
  std::string out;
  if (layout_.format != TableFormat::kCsv) {
    for (const int64_t value : values) {
      encode_element(out, value, layout_.element);
      if (decode_element(out.data() + out.size() - layout_.element.bytes, layout_.element) != value)
        throw Error(Error::Kind::kInput,
                    fmt::format("The value {} does not fit the {}-byte integers of the file.",
                                value, layout_.element.bytes));
    }
    return sink_(out);
  }
  const char* newline = layout_.has_crlf ? "\r\n" : "\n";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i % layout_.columns == 0) {
      if (pending_newline_) out += newline;
      pending_newline_ = true;
    } else {
      out += ',';
    }
    fmt::format_to(std::back_inserter(out), "{}", values[i]);
  }
  sink_(out);
}

void TableWriter::finish(const TableEnd& end) {
  if (layout_.format == TableFormat::kCsv && pending_newline_ && end.has_final_newline)
    sink_(layout_.has_crlf ? "\r\n" : "\n");
}

}  // namespace vinci::dataset
