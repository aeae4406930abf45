#include "draws/run_record.h"

#include <nlohmann/json.hpp>

#include "draws/atomic_file.h"

namespace vinci::draws {

std::string to_json(const RunRecord& record) {
  using Json = nlohmann::ordered_json;
  Json options = Json::object();
  for (const auto& [name, value] : record.options) options[name] = value;
  Json stages = Json::array();
  for (const Stage& stage : record.stages) {
    stages.push_back({{"name", stage.name},
                      {"result", stage.result},
                      {"evaluations", stage.evaluations},
                      {"seconds", stage.seconds}});
  }
  // Keys are unique already: `operator[]` of an ordered object would search all of them each time.
  Json::object_t parameters;
  parameters.reserve(record.parameters.size());
  for (const ParameterSummary& p : record.parameters) {
    Json row = {{"mean", p.mean},        {"sd", p.sd},     {"q05", p.q05},
                {"q50", p.q50},          {"q95", p.q95},   {"khat", p.khat},
                {"ess", p.ess},          {"mcse", p.mcse}, {"mean_error", p.mean_error},
                {"sd_error", p.sd_error}};
    if (p.is_point) row["point"] = true;
    if (p.is_of_one_mode) row["one_mode"] = true;
    if (!p.probabilities.empty()) {
      row["first_state"] = p.first_state;
      row["probabilities"] = p.probabilities;
    }
    parameters.push_back({p.name, std::move(row)});
  }

  Json out;
  out["vinci_version"] = record.version;
  out["program"] = record.program;
  out["data"] = record.data;
  out["options"] = std::move(options);
  out["seed"] = record.seed;
  out["threads"] = record.threads;
  out["started"] = record.started;
  out["unconstrained_parameters"] = record.num_unconstrained;
  out["observations"] = record.num_observations;
  out["plates"] = record.num_plates;
  out["draws"] = record.num_draws;
  out["method"] = record.method;
  out["family"] = record.family;
  out["stages"] = std::move(stages);
  out["elbo"] = record.elbo;
  out["elbo_se"] = record.elbo_se;
  out["log_evidence"] = record.log_evidence;
  out["log_evidence_se"] = record.log_evidence_se;
  out["khat"] = record.khat;
  out["judged_draws"] = record.judged_draws;
  out["minimal_draws"] = record.minimal_draws;
  out["convergence_rate"] = record.convergence_rate;
  const ErrorBounds& b = record.bounds;
  out["bounds"] = {{"d2", b.d2},
                   {"d2_se", b.d2_se},
                   {"w1", b.w1},
                   {"w2", b.w2},
                   {"covariance_error", b.covariance_error},
                   {"mean_error", b.mean_error},
                   {"sd_error", b.sd_error},
                   {"use", b.use},
                   {"optimistic", b.optimistic}};
  out["verdict"] = record.verdict;
  out["verdict_sentence"] = record.verdict_sentence;
  out["reasons"] = record.reasons;
  out["advice"] = record.advice;
  out["interrupted"] = record.interrupted;
  out["evaluations"] = record.evaluations;
  out["compile_seconds"] = record.compile_seconds;
  out["fit_seconds"] = record.fit_seconds;
  out["seconds"] = record.seconds;
  out["draws_file"] = record.draws_file;
  if (!record.factors.empty()) {
    Json::object_t factors;
    for (const Factor& f : record.factors) {
      Json row = {{"family", f.family}};
      for (const auto& [name, value] : f.params) row[name] = value;
      factors.push_back({f.parameter, std::move(row)});
    }
    out["factors"] = std::move(factors);
  }
  if (!record.elimination.empty()) out["elimination"] = record.elimination;
  if (!record.resumed_from.empty()) {
    out["resumed_from"] = record.resumed_from;
    out["earlier_evaluations"] = record.earlier_evaluations;
    out["earlier_seconds"] = record.earlier_seconds;
  }
  out["parameters"] = std::move(parameters);
  std::string text = out.dump(2, ' ', false, Json::error_handler_t::replace);
  if (!record.approximation.empty()) {
    // Thousands of numbers belong on one line.
    const std::string names =
        Json(record.unconstrained_names).dump(-1, ' ', false, Json::error_handler_t::replace);
    text.resize(text.rfind("\n}"));
    text += ",\n  \"unconstrained_names\": " + names +
            ",\n  \"approximation\": " + record.approximation + "\n}";
  }
  return text + "\n";
}

void write_record(const std::string& path, const RunRecord& record) {
  const std::string text = to_json(record);
  write_file_atomically(path, [&](FileWriter& writer) { writer.write(text); });
}

}  // namespace vinci::draws
