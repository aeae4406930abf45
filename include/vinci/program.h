// Program: Stan source that has been parsed and checked. Bind it to Data to get a Model.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vinci/error.h"

namespace vinci {

/// What is wrong with, or doubtful in, a program, data or option.
struct Diagnostic {
  enum class Severity { kError, kWarning, kNote };
  Severity severity = Severity::kError;
  std::string kind;  ///< such as `argument-type`; never changes its meaning
  std::string file;  ///< empty where the diagnostic has no place
  int line = 0;      ///< counted from 1, as the column is
  int column = 0;
  std::string message;  ///< what was found, then the rule
  std::string hint;     ///< what to change; may be empty
};

/// A program or data with errors. `what()` shows all of them with the source lines they point to.
class InputError : public Error {
 public:
  InputError(const std::string& text, std::vector<Diagnostic> diagnostics)
      : Error(Kind::kInput, text), diagnostics_(std::move(diagnostics)) {}
  /// Errors and warnings in the order in which they were found; at most 20 errors.
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

/// A checked program. Immutable; copies share what they hold.
class Program {
 public:
  /// Parses and checks Stan source; `name` stands for the file name in messages. `#include` is
  /// looked for in `include_paths`. Cost: some milliseconds for a thousand lines.
  /// Throws InputError.
  static Program from_text(std::string_view text, std::string_view name = "model.stan",
                           const std::vector<std::string>& include_paths = {});
  /// The same for a file. Throws InputError, also where the file cannot be read.
  static Program from_file(const std::string& path,
                           const std::vector<std::string>& include_paths = {});

  const std::string& name() const;
  const std::vector<Diagnostic>& warnings() const;

  struct Impl;
  const std::shared_ptr<const Impl>& impl() const { return impl_; }

 private:
  explicit Program(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace vinci
