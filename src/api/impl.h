// What the handles of the public classes point to. Private to src/api.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/session.h"
#include "vinci/data.h"
#include "vinci/fit.h"
#include "vinci/model.h"
#include "vinci/program.h"

namespace vinci {

struct Program::Impl {
  std::string name;
  source::SourceMap sources;
  api::TypedProgramPtr typed;
  std::vector<Diagnostic> warnings;
  double seconds = 0;
};

struct Data::Impl {
  struct Entry {
    enum class Kind { kValue, kJson, kFile };
    Kind kind;
    std::string name;  // of a value or text; of a file, the argument of --data
    data::DataValue value;
    std::shared_ptr<const std::string> text;
  };
  std::vector<Entry> entries;
};

struct Model::Impl {
  std::shared_ptr<const Program::Impl> program;
  std::unique_ptr<model::Model> model;
  // For coordinate ascent, which reads the program once more.
  data::DataTable data;
  uint64_t data_seed = 1;
  std::string discrete;  // ModelOptions::discrete
  std::vector<Variable> variables;
  std::vector<std::string> constrained_names;
  std::vector<std::string> unconstrained_names;
  std::vector<Diagnostic> warnings;
  double seconds = 0;
};

/// The density that a Model is: its program's, or the joint one with the states.
const LogDensity& density_of(const Model::Impl& model);

struct Draws::Impl {
  draws::Draws draws;
  std::vector<std::string> names;
};

struct Fit::Impl {
  infer::Method method;
  diagnose::Grade grade;
  draws::RunRecord record;
  std::shared_ptr<const Draws::Impl> draws_impl;
  Draws draws;
  std::vector<Summary> summaries;
};

namespace api {

std::vector<Diagnostic> public_diagnostics(const source::DiagnosticSink& sink,
                                           const source::SourceMap& sources);

/// Throws InputError where the sink holds errors.
void throw_errors(const source::DiagnosticSink& sink, const source::SourceMap& sources);

/// Reads all entries; `sources` gets the texts. Errors go to `sink`.
data::DataTable read_entries(const Data& data, source::SourceMap& sources,
                             source::DiagnosticSink& sink);

}  // namespace api

}  // namespace vinci
