// What is chosen where options speak of coordinate ascent: the same, whoever asks.
#include "api/ascent_choice.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "api/calibration.h"
#include "source/render.h"
#include "vinci/error.h"
#include "vinci/fit.h"

namespace vinci::api {
namespace {

const char* const kMixture = R"(
  parameters { vector[2] mu; array[3] int<lower=1, upper=2> z; }
  model { mu[1] ~ normal(-3, 1); mu[2] ~ normal(3, 1); z ~ categorical([0.5, 0.5]');
    -2.5 ~ normal(mu[z[1]], 1); 0.5 ~ normal(mu[z[2]], 1); 3.5 ~ normal(mu[z[3]], 1); })";

/// The message of the InputError that a fit throws; empty where it throws none.
std::string error_of(const vinci::Model& model, const vinci::FitOptions& options) {
  try {
    vinci::fit(model, options);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

TEST(AscentChoice, MethodsThatContradictEachOther) {
  const Program program = Program::from_text(kMixture);
  const vinci::Model by_ascent(program, Data(), {.discrete = "z=cavi"});
  EXPECT_NE(error_of(by_ascent, {.method = "bam"})
                .find("`--discrete z=cavi`: coordinate ascent is a method of its own; `--method "
                      "bam` is another"),
            std::string::npos);
  EXPECT_EQ(vinci::fit(by_ascent, {}).family(), "product of conjugate distributions");
  EXPECT_EQ(vinci::fit(by_ascent, {.method = "cavi"}).family(),
            "product of conjugate distributions");
  const vinci::Model sampled(program, Data(), {.discrete = "z=local"});
  EXPECT_NE(error_of(sampled, {.method = "cavi"}).find("`--method cavi` handles discrete"),
            std::string::npos);
  EXPECT_NE(error_of(vinci::Model(program, Data()), {.method = "cavi", .family = "full-rank"})
                .find("coordinate ascent chooses its family"),
            std::string::npos);
}

// Cancelled while the program is read for coordinate ascent: not an error of the program. What may
// be fitted in another way ends as that does.
TEST(AscentChoice, CancelledBeforeTheAscent) {
  const vinci::Model model(Program::from_text(R"(
    transformed data { real y = 0; for (n in 1:100000) y += 1e-5; }
    parameters { real mu; } model { mu ~ normal(0, 1); y ~ normal(mu, 1); })"),
                           Data());
  std::atomic<bool> cancel{true};
  Context context;
  context.cancel = &cancel;
  try {
    vinci::fit(model, {.method = "cavi"}, context);
    ADD_FAILURE() << "not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kCancelled) << error.what();
  }
  EXPECT_TRUE(vinci::fit(model, {}, context).interrupted());
}

// z[2] follows z[1], of which alone there is an observation: two variables of the network that meet
// in a term, so that the density at points takes an elimination, whoever made the model.
TEST(AscentChoice, NetworkWithoutDensityIsJudgedByAnElimination) {
  const Program program = Program::from_text(R"(
    parameters { vector[2] mu; array[2] simplex[2] A; array[2] int<lower=1, upper=2> z; }
    model { mu[1] ~ normal(-3, 1); mu[2] ~ normal(3, 1); z[1] ~ categorical([0.5, 0.5]');
      A[1] ~ dirichlet([20, 4]'); A[2] ~ dirichlet([4, 20]'); z[2] ~ categorical(A[z[1]]);
      -2.5 ~ normal(mu[z[1]], 1); })");
  const vinci::Fit ascent =
      vinci::fit(vinci::Model(program, Data(), {.discrete = "z=cavi"}), {.draws = 1000});
  const vinci::Fit eliminated =
      vinci::fit(vinci::Model(program, Data()), {.draws = 1000, .method = "bam"});
  EXPECT_EQ(ascent.family(), "product of conjugate distributions");
  EXPECT_NEAR(ascent.log_evidence().value, eliminated.log_evidence().value, 0.05);
  EXPECT_NEAR(ascent.summary("z[2]").probabilities[0], eliminated.summary("z[2]").probabilities[0],
              0.03);
}

// Calibration leaves the states to the network too, and says the same of options.
TEST(AscentChoice, CalibrationChoosesAlike) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const TypedProgramPtr typed = compile(sources.add("m.stan", R"(
    transformed data { real mu_ = normal_rng(0, 1); vector[6] y;
      for (n in 1:6) y[n] = normal_rng(bernoulli_rng(0.5) == 1 ? mu_ : 5, 1); }
    parameters { real mu; array[6] int<lower=1, upper=2> z; }
    transformed parameters { vector[2] m = [mu, 5]'; }
    model { mu ~ normal(0, 1); z ~ categorical([0.5, 0.5]');
      for (n in 1:6) y[n] ~ normal(m[z[n]], 1); }
    generated quantities { array[1] int ranks_ = {mu > mu_}; })"),
                                        {}, sources, sink);
  ASSERT_TRUE(typed) << source::render_text(sink, sources);
  CalibrationOptions options;
  options.replicas = 3;
  options.threads = 1;
  options.fit.draws = 200;
  options.fit.method = infer::Method::kCavi;
  const auto outcome = calibrate(typed, {}, options, sink, {});
  ASSERT_TRUE(outcome) << source::render_text(sink, sources);
  EXPECT_EQ(outcome->usable, 3) << (outcome->failures.empty() ? "" : outcome->failures[0]);
  options.fit.family = infer::FamilyChoice::kFullRank;
  const auto refused = calibrate(typed, {}, options, sink, {});
  ASSERT_TRUE(refused);
  ASSERT_EQ(refused->failures.size(), 1u);
  EXPECT_NE(refused->failures[0].find("coordinate ascent chooses its family"), std::string::npos);
}

}  // namespace
}  // namespace vinci::api
