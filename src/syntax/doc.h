// A small document algebra for the formatter: text with places where a line may be broken, laid out
// greedily. [Oppen 1980, "Prettyprinting", doi 10.1145/357114.357115; Wadler 2003, "A prettier
// printer"]
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vinci::syntax {

/// A document is a flat list of commands; groups and nests are brackets in it. So a document of any
/// depth is laid out without recursion.
class Doc {
 public:
  void text(std::string text);
  /// A blank or, where the innermost group does not fit on the line, a line break.
  void line() { add(Kind::kLine); }
  void hard_line() { add(Kind::kHardLine); }
  /// Makes all groups around it break.
  void break_parent() { add(Kind::kBreakParent); }
  void begin_group() { add(Kind::kBeginGroup); }
  void end_group() { add(Kind::kEndGroup); }
  /// Lines broken in a nest are indented by `columns` more.
  void begin_nest(int columns);
  void end_nest() { add(Kind::kEndNest); }

  /// Appends the layout to `out`, whose last line already has `column` columns; broken lines are
  /// indented by `indent`. A group is put on one line iff it fits with all that stands behind it up
  /// to the next possible break. O(commands + characters, times `width`).
  void layout(std::string& out, int column, int indent, int width) const;

 private:
  enum class Kind : uint8_t {
    kText,
    kLine,
    kHardLine,
    kBreakParent,
    kBeginGroup,
    kEndGroup,
    kBeginNest,
    kEndNest,
  };
  struct Command {
    Kind kind;
    int value = 0;  // columns of a nest
    std::string text;
  };
  void add(Kind kind) { commands_.push_back({kind, 0, {}}); }
  bool fits(size_t begin, int columns) const;

  std::vector<Command> commands_;
};

}  // namespace vinci::syntax
