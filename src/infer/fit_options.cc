// The words and the rules of the options of a fit.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "infer/fit.h"
#include "infer/method/factorised_ascent.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

struct MethodWord {
  Method method;
  std::string_view word;
};
constexpr std::array<MethodWord, 14> kMethods = {
    {{Method::kAuto, "auto"},
     {Method::kPathfinder, "pathfinder"},
     {Method::kBatchAndMatch, "bam"},
     {Method::kPatchedBatchAndMatch, "pbam"},
     {Method::kGaussianScoreMatching, "gsm"},
     {Method::kNaturalGradient, "natural-gradient"},
     {Method::kMeanField, "mean-field"},
     {Method::kDeterministicAdvi, "dadvi"},
     {Method::kRaabbvi, "raabbvi"},
     {Method::kAdvi, "advi"},
     {Method::kLaplace, "laplace"},
     {Method::kSemiImplicit, "semi-implicit"},
     {Method::kKernelSemiImplicit, "kernel-semi-implicit"},
     {Method::kCavi, "cavi"}}};
struct FamilyWord {
  FamilyChoice family;
  std::string_view word;
};
constexpr std::array<FamilyWord, 8> kFamilies = {{{FamilyChoice::kAuto, "auto"},
                                                  {FamilyChoice::kMeanField, "mean-field"},
                                                  {FamilyChoice::kFullRank, "full-rank"},
                                                  {FamilyChoice::kSparse, "sparse"},
                                                  {FamilyChoice::kSinhArcsinh, "sinh-arcsinh"},
                                                  {FamilyChoice::kFlow, "flow"},
                                                  {FamilyChoice::kFlow, "real-nvp"},
                                                  {FamilyChoice::kSpline, "spline"}}};

[[noreturn]] void reject(const std::string& message) { throw Error(Error::Kind::kUsage, message); }

}  // namespace

std::string_view to_string(Method method) {
  for (const MethodWord& m : kMethods) {
    if (m.method == method) return m.word;
  }
  return "auto";
}

std::string_view to_string(FamilyChoice family) {
  for (const FamilyWord& f : kFamilies) {
    if (f.family == family) return f.word;
  }
  return "auto";
}

Method parse_method(std::string_view word) {
  std::string known;
  for (const MethodWord& m : kMethods) {
    if (m.word == word) return m.method;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", m.word);
  }
  reject(fmt::format("method is `{}`; it must be one of {}", word, known));
}

FamilyChoice parse_family(std::string_view word) {
  std::string known;
  for (const FamilyWord& f : kFamilies) {
    if (f.word == word) return f.family;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", f.word);
  }
  reject(fmt::format("family is `{}`; it must be one of {}", word, known));
}

void FitOptions::validate(Index dim) const {
  const auto at_least = [](const char* field, double value, double least) {
    if (!(value >= least))
      reject(fmt::format("{} is {}; it must be at least {}", field, value, least));
  };
  const auto at_most = [](const char* field, double value, double most) {
    if (!(value <= most))
      reject(fmt::format("{} is {}; it must be at most {}", field, value, most));
  };
  at_least("threads", threads, 0);
  at_most("threads", threads, 1024);
  at_least("draws", static_cast<double>(draws), 1);
  at_most("draws", static_cast<double>(draws), 1e8);
  at_least("num_paths", static_cast<double>(num_paths), 1);
  at_most("num_paths", static_cast<double>(num_paths), 1000);
  at_least("init_radius", init_radius, 0);
  at_most("init_radius", init_radius, 1e6);
  at_least("budget_seconds", budget_seconds, 0);
  at_least("budget_evaluations", static_cast<double>(budget_evaluations), 1);
  at_least("gap_tolerance", gap_tolerance, 0);
  at_least("judge_draws", static_cast<double>(judge_draws), 0);
  at_most("judge_draws", static_cast<double>(judge_draws), 1e8);
  at_least("checkpoint_seconds", checkpoint_seconds, 0);
  at_least("max_full_rank_dim", static_cast<double>(max_full_rank_dim), 0);
  if (!factors.empty() || !points.empty()) {
    if ((method != Method::kAuto && method != Method::kMeanField) ||
        (family != FamilyChoice::kAuto && family != FamilyChoice::kMeanField)) {
      reject(fmt::format("method is {}, family {}; factors and points go with auto or mean-field",
                         to_string(method), to_string(family)));
    }
    validate_factors(factors, points, dim);
  }
  at_least("later_evaluations", static_cast<double>(later_evaluations), 0);
  if (!discrete.states.empty()) {
    if (method != Method::kAuto || family != FamilyChoice::kAuto || !factors.empty() ||
        !points.empty()) {
      reject("discrete parameters that are not summed out go with method and family auto");
    }
    if (start || !init.empty()) {
      reject("discrete parameters that are not summed out start at random: leave init away");
    }
  }
  if (!init.empty() && static_cast<Index>(init.size()) != dim) {
    reject(fmt::format("init has {} numbers; the model has {} unconstrained parameters",
                       init.size(), dim));
  }
  if (start && start->dim() != dim) {
    reject(fmt::format("start has {} coordinates; the model has {} unconstrained parameters",
                       start->dim(), dim));
  }
  for (const double x : init) {
    if (!std::isfinite(x)) reject(fmt::format("init contains {}; it must be finite", x));
  }
}

}  // namespace vinci::infer
