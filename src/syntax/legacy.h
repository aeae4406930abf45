// Older forms of the language: collects their uses while parsing, rewrites the calls among them
// afterwards.
#pragma once

#include <map>
#include <string>

#include "source/diagnostic.h"
#include "source/source_file.h"
#include "syntax/ast.h"

namespace vinci::syntax {

/// One warning per older form, however often it stands in the program: the first place and how many
/// more.
class LegacyUses {
 public:
  /// `form` is the key, `message` says what was found and the modern form, for example of this use.
  void add(const std::string& form, Span span, const std::string& message);
  void report(source::DiagnosticSink& sink) const;

 private:
  struct Use {
    Span first;
    std::string message;
    int count = 0;
  };
  std::map<std::string, Use> uses_;
};

/// Rewrites calls of removed functions to what replaced them: `fabs`, `cov_exp_quad`,
/// `multiply_log`, `binomial_coefficient_log`, `get_lp`, `if_else`, `increment_log_prob`, `lp__`,
/// densities `x_log(y, ...)`, `x_cdf_log`, `x_ccdf_log`, `x_cdf(y, ...)` with a comma, and user
/// functions `f_log` that a `y ~ f(...)` uses. Names that the program defines itself are left
/// alone. O(nodes). [Stan reference manual 2.36, "Removed Features"]
void modernise(Program& program, const source::SourceMap& sources, LegacyUses& uses);

}  // namespace vinci::syntax
