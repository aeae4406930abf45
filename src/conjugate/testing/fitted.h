// For tests: a program with data, compiled to a conjugate network and fitted.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/check.h"
#include "conjugate/compile.h"
#include "data/json.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::conjugate {

/// A program with data, compiled and fitted.
class Fitted {
 public:
  Fitted(const std::string& text, const std::string& json, AscentOptions ascent = {},
         CompileOptions compile_options = {}) {
    const auto file = sources_.add("m.stan", text);
    syntax::Program parsed = syntax::parse(file, sources_, sink_);
    std::optional<check::TypedProgram> typed;
    if (!sink_.has_errors()) typed = check::check(std::move(parsed), sink_);
    if (!typed) {
      ADD_FAILURE() << source::render_text(sink_, sources_);
      return;
    }
    const auto data_file = sources_.add("data.json", json);
    const data::DataTable table = data::read_json(data_file, sources_, sink_);
    model_ = compile(*typed, table, compile_options, misfits_, sink_);
    if (!model_) return;
    numeric::RandomStream random(ascent.seed);
    model_->network.start(random);
    ascent.tolerance = -1;  // the bound stands still long before the parameters do
    if (ascent.max_sweeps == 2000) ascent.max_sweeps = 400;
    result_ = model_->network.ascend(ascent);
    for (int32_t v = 0; v < model_->network.num_variables(); ++v) {
      const Variable& variable = model_->network.variable(v);
      std::vector<std::string> names;
      for (int32_t leaf : variable.leaves())
        names.push_back(model_->leaf_names[static_cast<size_t>(leaf)]);
      variable.describe(names, distributions_);
    }
  }

  bool ok() const { return model_ != nullptr; }
  double elbo() const { return result_.elbo; }
  const AscentResult& result() const { return result_; }
  Conjugate& model() { return *model_; }
  std::string misfit() const { return misfits_.empty() ? "" : misfits_[0].message; }
  source::Span misfit_span() const { return misfits_.empty() ? source::Span() : misfits_[0].span; }
  std::string diagnostics() { return source::render_text(sink_, sources_); }

  /// A parameter of the distribution of `name`.
  double at(const std::string& name, const std::string& param) const {
    for (const NamedDistribution& d : distributions_) {
      if (d.name != name) continue;
      for (const auto& [key, value] : d.params) {
        if (key == param) return value;
      }
    }
    ADD_FAILURE() << "no " << name << " " << param;
    return 0;
  }
  std::string family(const std::string& name) const {
    for (const NamedDistribution& d : distributions_) {
      if (d.name == name) return d.family;
    }
    return "";
  }

 private:
  source::SourceMap sources_;
  source::DiagnosticSink sink_;
  std::vector<Misfit> misfits_;
  std::unique_ptr<Conjugate> model_;
  AscentResult result_;
  std::vector<NamedDistribution> distributions_;
};

inline void expect_close(double a, double b, double tolerance = 1e-10) {
  EXPECT_NEAR(a, b, tolerance * (1 + std::abs(b)));
}

inline void expect_monotone(const Fitted& f) {
  EXPECT_EQ(f.result().largest_decrease, 0);
  EXPECT_EQ(f.result().improper, -1);
}

}  // namespace vinci::conjugate
