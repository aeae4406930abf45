// The C interface over the C++ one: handles own objects, exceptions become errors.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>

#include "vinci/fit.h"
#include "vinci/version.h"
#include "vinci/vinci.h"

struct vinci_program {
  vinci::Program program;
};

struct vinci_model {
  vinci::Model model;
};

struct vinci_fit {
  vinci::Fit fit;
  std::string record;
};

struct vinci_error {
  vinci_status status;
  std::string message;
};

namespace {

using vinci::Error;
using vinci::Index;

vinci_status status_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::kUsage:
      return VINCI_ERROR_USAGE;
    case Error::Kind::kInput:
      return VINCI_ERROR_INPUT;
    case Error::Kind::kIo:
      return VINCI_ERROR_IO;
    case Error::Kind::kCancelled:
      return VINCI_ERROR_CANCELLED;
  }
  return VINCI_ERROR_INTERNAL;
}

vinci_status store(vinci_error** error, vinci_status status, const char* message) {
  if (error != nullptr) {
    // Out of memory twice: the status still tells.
    try {
      *error = new vinci_error{status, message};
    } catch (...) {
      *error = nullptr;
    }
  }
  return status;
}

/// Runs `work`; no exception leaves it.
template <class Work>
vinci_status guarded(vinci_error** error, const Work& work) {
  if (error != nullptr) *error = nullptr;
  try {
    work();
    return VINCI_OK;
  } catch (const Error& e) {
    return store(error, status_of(e.kind()), e.what());
  } catch (const std::bad_alloc&) {
    return store(error, VINCI_ERROR_INTERNAL, "Out of memory.");
  } catch (const std::exception& e) {
    return store(error, VINCI_ERROR_INTERNAL, e.what());
  } catch (...) {
    return store(error, VINCI_ERROR_INTERNAL, "Unknown failure.");
  }
}

void require(bool condition, const char* message) {
  if (!condition) throw Error(Error::Kind::kUsage, message);
}

[[noreturn]] void wrong_option(const std::string& key, const char* expected) {
  throw Error(Error::Kind::kUsage, fmt::format("The option `{}` is not {}.", key, expected));
}

template <class T>
T integer_option(const std::string& key, const nlohmann::json& value) {
  if (!value.is_number_integer()) wrong_option(key, "an integer");
  const bool fits = value.is_number_unsigned() ? std::in_range<T>(value.get<uint64_t>())
                                               : std::in_range<T>(value.get<int64_t>());
  if (!fits) wrong_option(key, "within its range");
  return value.get<T>();
}

vinci::FitOptions parse_options(const char* text) {
  vinci::FitOptions options;
  if (text == nullptr) return options;
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  require(json.is_object(), "The options are not a JSON object.");
  for (const auto& [key, value] : json.items()) {
    if (key == "seed") {
      options.seed = integer_option<uint64_t>(key, value);
    } else if (key == "threads") {
      options.threads = integer_option<int>(key, value);
    } else if (key == "draws") {
      options.draws = integer_option<int64_t>(key, value);
    } else if (key == "budget_evaluations") {
      options.budget_evaluations = integer_option<int64_t>(key, value);
    } else if (key == "budget_seconds") {
      if (!value.is_number()) wrong_option(key, "a number");
      options.budget_seconds = value.get<double>();
    } else if (key == "method" || key == "family") {
      if (!value.is_string()) wrong_option(key, "a word in quotes");
      (key == "method" ? options.method : options.family) = value.get<std::string>();
    } else if (key == "init") {
      if (!value.is_array()) wrong_option(key, "a list of numbers");
      for (const auto& x : value) {
        if (!x.is_number()) wrong_option(key, "a list of numbers");
        options.init.push_back(x.get<double>());
      }
    } else {
      throw Error(
          Error::Kind::kUsage,
          fmt::format(
              "There is no option `{}`; the options are seed, threads, draws, method, family, "
              "init, budget_seconds and budget_evaluations.",
              key));
    }
  }
  return options;
}

/// A density that C code evaluates.
class CallbackDensity final : public vinci::LogDensity {
 public:
  CallbackDensity(vinci_density density, void* user, size_t dim)
      : density_(density), user_(user), dim_(static_cast<Index>(dim)) {}

  Index dim() const override { return dim_; }

  void evaluate(vinci::LaneMatrix points, std::span<double> value,
                vinci::MutableLaneMatrix gradient) const override {
    const auto lanes = static_cast<size_t>(points.lanes);
    const auto size = static_cast<size_t>(dim_) * lanes;
    // C code sees rows without gaps.
    std::vector<double> packed(size);
    for (Index d = 0; d < dim_; ++d) {
      std::copy_n(points.row(d), lanes, packed.data() + static_cast<size_t>(d) * lanes);
    }
    std::vector<double> packed_gradient(gradient.data != nullptr ? size : 0);
    density_(user_, packed.data(), lanes, value.data(),
             gradient.data != nullptr ? packed_gradient.data() : nullptr);
    for (size_t l = 0; l < lanes; ++l) {
      if (std::isfinite(value[l])) continue;
      value[l] = -std::numeric_limits<double>::infinity();
      for (size_t k = l; k < packed_gradient.size(); k += lanes) packed_gradient[k] = 0;
    }
    if (gradient.data == nullptr) return;
    for (Index d = 0; d < dim_; ++d) {
      std::copy_n(packed_gradient.data() + static_cast<size_t>(d) * lanes, lanes, gradient.row(d));
    }
  }

 private:
  vinci_density density_;
  void* user_;
  Index dim_;
};

vinci_fit* run_fit(const vinci::LogDensity& density, const char* options) {
  vinci::Fit fit = vinci::fit(density, parse_options(options));
  std::string record = fit.record_json();
  return new vinci_fit{std::move(fit), std::move(record)};
}

Index checked_lanes(size_t lanes, Index rows) {
  const size_t limit = PTRDIFF_MAX / sizeof(double);
  require(lanes <= limit / static_cast<size_t>(std::max<Index>(rows, 1)),
          "There are too many lanes.");
  return static_cast<Index>(lanes);
}

}  // namespace

extern "C" {

const char* vinci_version(void) { return vinci::kVersion; }

vinci_status vinci_error_status(const vinci_error* error) { return error->status; }
const char* vinci_error_message(const vinci_error* error) { return error->message.c_str(); }
void vinci_error_free(vinci_error* error) { delete error; }

vinci_program* vinci_program_compile(const char* name, const char* source, size_t size,
                                     vinci_error** error) {
  vinci_program* result = nullptr;
  guarded(error, [&] {
    require(source != nullptr || size == 0, "The source is NULL.");
    result = new vinci_program{vinci::Program::from_text(std::string_view(source, size),
                                                         name != nullptr ? name : "model.stan")};
  });
  return result;
}

void vinci_program_free(vinci_program* program) { delete program; }

vinci_model* vinci_model_create(const vinci_program* program, const char* json, size_t size,
                                uint64_t seed, vinci_error** error) {
  vinci_model* result = nullptr;
  guarded(error, [&] {
    require(program != nullptr, "The program is NULL.");
    vinci::Data data;
    if (json != nullptr && size > 0) data.add_json(std::string_view(json, size));
    vinci::ModelOptions options;
    options.seed = seed;
    result = new vinci_model{vinci::Model(program->program, data, options)};
  });
  return result;
}

void vinci_model_free(vinci_model* model) { delete model; }

size_t vinci_model_dim(const vinci_model* model) { return static_cast<size_t>(model->model.dim()); }

size_t vinci_model_num_constrained(const vinci_model* model) {
  return model->model.constrained_names().size();
}

const char* vinci_model_constrained_name(const vinci_model* model, size_t index) {
  const auto& names = model->model.constrained_names();
  return index < names.size() ? names[index].c_str() : nullptr;
}

vinci_status vinci_model_evaluate(const vinci_model* model, const double* points, size_t lanes,
                                  double* value, double* gradient, vinci_error** error) {
  return guarded(error, [&] {
    require(model != nullptr, "The model is NULL.");
    const Index dim = model->model.dim();
    const Index n = checked_lanes(lanes, dim);
    require(n == 0 || (value != nullptr && (points != nullptr || dim == 0)),
            "Points or values are NULL.");
    if (n > 0) model->model.evaluate({points, dim, n, n}, {value, lanes}, {gradient, dim, n, n});
  });
}

vinci_status vinci_model_constrain(const vinci_model* model, const double* points, size_t lanes,
                                   double* constrained, vinci_error** error) {
  return guarded(error, [&] {
    require(model != nullptr, "The model is NULL.");
    const Index dim = model->model.dim();
    const auto rows = static_cast<Index>(model->model.constrained_names().size());
    const Index n = checked_lanes(lanes, std::max(dim, rows));
    require(n == 0 || ((points != nullptr || dim == 0) && (constrained != nullptr || rows == 0)),
            "Points or constrained values are NULL.");
    if (n > 0) model->model.constrain({points, dim, n, n}, {constrained, rows, n, n});
  });
}

vinci_fit* vinci_fit_model(const vinci_model* model, const char* options, vinci_error** error) {
  vinci_fit* result = nullptr;
  guarded(error, [&] {
    require(model != nullptr, "The model is NULL.");
    result = run_fit(model->model, options);
  });
  return result;
}

vinci_fit* vinci_fit_density(vinci_density density, void* user, size_t dim, const char* options,
                             vinci_error** error) {
  vinci_fit* result = nullptr;
  guarded(error, [&] {
    require(density != nullptr, "The density is NULL.");
    require(dim <= PTRDIFF_MAX / sizeof(double), "The dimension is too large.");
    result = run_fit(CallbackDensity(density, user, dim), options);
  });
  return result;
}

void vinci_fit_free(vinci_fit* fit) { delete fit; }

vinci_verdict vinci_fit_verdict(const vinci_fit* fit) {
  switch (fit->fit.verdict()) {
    case vinci::Verdict::kGood:
      return VINCI_GOOD;
    case vinci::Verdict::kUsable:
      return VINCI_USABLE;
    case vinci::Verdict::kBad:
      break;
  }
  return VINCI_BAD;
}

double vinci_fit_khat(const vinci_fit* fit) { return fit->fit.khat(); }
double vinci_fit_elbo(const vinci_fit* fit) { return fit->fit.elbo().value; }
double vinci_fit_log_evidence(const vinci_fit* fit) { return fit->fit.log_evidence().value; }
const char* vinci_fit_record(const vinci_fit* fit) { return fit->record.c_str(); }

size_t vinci_fit_num_draws(const vinci_fit* fit) { return fit->fit.draws().num_draws(); }
size_t vinci_fit_num_columns(const vinci_fit* fit) { return fit->fit.draws().names().size(); }

const char* vinci_fit_column_name(const vinci_fit* fit, size_t column) {
  const auto& names = fit->fit.draws().names();
  return column < names.size() ? names[column].c_str() : nullptr;
}

const double* vinci_fit_draws(const vinci_fit* fit) { return fit->fit.draws().values().data(); }

vinci_status vinci_fit_write_csv(const vinci_fit* fit, const char* path, vinci_error** error) {
  return guarded(error, [&] {
    require(fit != nullptr && path != nullptr, "The fit or the path is NULL.");
    fit->fit.write_csv(path);
  });
}

}  // extern "C"
