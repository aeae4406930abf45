#include "vinci/program.h"

#include <chrono>

#include "api/impl.h"
#include "source/render.h"

namespace vinci {

namespace api {

std::vector<Diagnostic> public_diagnostics(const source::DiagnosticSink& sink,
                                           const source::SourceMap& sources) {
  std::vector<Diagnostic> result;
  for (const source::Diagnostic& d : sink.diagnostics()) {
    Diagnostic& out = result.emplace_back();
    out.severity = d.severity == source::Severity::kError     ? Diagnostic::Severity::kError
                   : d.severity == source::Severity::kWarning ? Diagnostic::Severity::kWarning
                                                              : Diagnostic::Severity::kNote;
    out.kind = source::kind_id(d.kind);
    out.message = d.message;
    out.hint = d.hint;
    if (d.span.valid()) {
      const source::SourceFile& file = sources[d.span.file];
      const source::Location at = file.location(d.span.begin);
      out.file = file.name();
      out.line = static_cast<int>(at.line);
      out.column = static_cast<int>(at.column);
    }
  }
  return result;
}

void throw_errors(const source::DiagnosticSink& sink, const source::SourceMap& sources) {
  if (!sink.has_errors()) return;
  throw InputError(source::render_text(sink, sources), public_diagnostics(sink, sources));
}

namespace {

std::shared_ptr<Program::Impl> finish(std::shared_ptr<Program::Impl> impl, source::FileId file,
                                      const std::vector<std::string>& include_paths,
                                      source::DiagnosticSink& sink) {
  const auto start = std::chrono::steady_clock::now();
  if (file.valid()) impl->typed = compile(file, include_paths, impl->sources, sink);
  throw_errors(sink, impl->sources);
  impl->warnings = public_diagnostics(sink, impl->sources);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  impl->seconds = seconds.count();
  return impl;
}

}  // namespace

}  // namespace api

Program Program::from_text(std::string_view text, std::string_view name,
                           const std::vector<std::string>& include_paths) {
  auto impl = std::make_shared<Impl>();
  impl->name = name;
  source::DiagnosticSink sink;
  source::FileId file;
  if (text.size() > source::kMaxProgramBytes) {
    sink.error(source::DiagnosticKind::kFileTooLarge, {},
               impl->name + " is larger than " + std::to_string(source::kMaxProgramBytes) +
                   " bytes, the limit for programs");
  } else {
    file = impl->sources.add(impl->name, std::string(text));
  }
  return Program(api::finish(std::move(impl), file, include_paths, sink));
}

Program Program::from_file(const std::string& path, const std::vector<std::string>& include_paths) {
  auto impl = std::make_shared<Impl>();
  impl->name = path;
  source::DiagnosticSink sink;
  const source::FileId file = impl->sources.add_from_path(path, source::kMaxProgramBytes, sink);
  return Program(api::finish(std::move(impl), file, include_paths, sink));
}

const std::string& Program::name() const { return impl_->name; }
const std::vector<Diagnostic>& Program::warnings() const { return impl_->warnings; }

}  // namespace vinci
