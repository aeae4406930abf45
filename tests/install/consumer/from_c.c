/* The C interface, from plain C: a program, its density, a fit, a density of one's own, errors.
 * Exits with the line number of the first expectation that fails. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "vinci/vinci.h"

#define EXPECT(condition)                                     \
  do {                                                        \
    if (!(condition)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      return 1;                                               \
    }                                                         \
  } while (0)

static const char* const kSource =
    "data { real y; }\n"
    "parameters { real mu; real<lower=0> s; }\n"
    "model { mu ~ normal(0, 1); y ~ normal(mu, 1); s ~ exponential(1); }\n";
static const char* const kData = "{\"y\": 2}";

/* A standard normal. */
static void standard_normal(void* user, const double* points, size_t lanes, double* value,
                            double* gradient) {
  const size_t dim = *(const size_t*)user;
  size_t d, l;
  for (l = 0; l < lanes; ++l) value[l] = -0.91893853320467274 * (double)dim;
  for (d = 0; d < dim; ++d) {
    for (l = 0; l < lanes; ++l) {
      const double x = points[d * lanes + l];
      value[l] -= x * x / 2;
      if (gradient != NULL) gradient[d * lanes + l] = -x;
    }
  }
}

int main(void) {
  vinci_error* error = NULL;
  const double points[4] = {0.5, -1.0, 0.0, 1.0}; /* [2][2 lanes] */
  double value[2], gradient[4], constrained[4];
  size_t dim = 3;
  vinci_program* program;
  vinci_model* model;
  vinci_fit* fit;

  /* Errors: the message has the place; each has its status. */
  EXPECT(vinci_program_compile("a.stan", "model {\n  x ~ normal(0, 1);\n}", 29, &error) == NULL);
  EXPECT(vinci_error_status(error) == VINCI_ERROR_INPUT);
  EXPECT(strstr(vinci_error_message(error), "a.stan:2:3: error:") != NULL);
  vinci_error_free(error);
  EXPECT(vinci_program_compile("a.stan", "model {", 7, NULL) == NULL);

  program = vinci_program_compile("m.stan", kSource, strlen(kSource), &error);
  EXPECT(program != NULL && error == NULL);
  EXPECT(vinci_model_create(program, "{\"y\": [1, 2]}", 13, 1, &error) == NULL);
  EXPECT(strstr(vinci_error_message(error), "`y`") != NULL);
  vinci_error_free(error);
  model = vinci_model_create(program, kData, strlen(kData), 1, &error);
  EXPECT(model != NULL);
  vinci_program_free(program);

  EXPECT(vinci_model_dim(model) == 2);
  EXPECT(vinci_model_num_constrained(model) == 2);
  EXPECT(strcmp(vinci_model_constrained_name(model, 1), "s") == 0);
  EXPECT(vinci_model_constrained_name(model, 2) == NULL);
  EXPECT(vinci_model_evaluate(model, points, 2, value, gradient, &error) == VINCI_OK);
  /* mu = 0.5, s = exp(0): log N(0.5) + log N(2 - 0.5) - s + log s. */
  EXPECT(fabs(value[0] - (-1.8378770664093454 - 0.125 - 1.125 - 1)) < 1e-12);
  EXPECT(fabs(gradient[0] - (-0.5 + 1.5)) < 1e-12);
  EXPECT(fabs(gradient[1] - (1 + 3)) < 1e-12);
  EXPECT(fabs(gradient[2] - (-1 + 1)) < 1e-12);
  EXPECT(vinci_model_constrain(model, points, 2, constrained, &error) == VINCI_OK);
  EXPECT(fabs(constrained[3] - exp(1.0)) < 1e-12);

  EXPECT(vinci_fit_model(model, "{\"sed\": 1}", &error) == NULL);
  EXPECT(vinci_error_status(error) == VINCI_ERROR_USAGE);
  EXPECT(strstr(vinci_error_message(error), "`sed`") != NULL);
  vinci_error_free(error);
  EXPECT(vinci_fit_model(model, "{\"draws\": -5}", &error) == NULL);
  EXPECT(vinci_error_status(error) == VINCI_ERROR_USAGE);
  vinci_error_free(error);

  fit = vinci_fit_model(model, "{\"seed\": 3, \"draws\": 500, \"threads\": 1}", &error);
  EXPECT(fit != NULL);
  EXPECT(vinci_fit_verdict(fit) != VINCI_BAD);
  EXPECT(vinci_fit_num_draws(fit) == 500 && vinci_fit_num_columns(fit) == 2);
  EXPECT(strcmp(vinci_fit_column_name(fit, 0), "mu") == 0);
  {
    double mean = 0;
    size_t i;
    for (i = 0; i < 500; ++i) mean += vinci_fit_draws(fit)[2 * i] / 500;
    EXPECT(fabs(mean - 1) < 0.2); /* posterior N(1, 1/2); the standard error is 0.03 */
  }
  /* y ~ N(0, 2): log evidence -1/2 log(4 pi) - 1. */
  EXPECT(fabs(vinci_fit_log_evidence(fit) + 1.2655121234846454 + 1) < 0.05);
  EXPECT(strstr(vinci_fit_record(fit), "\"verdict\"") != NULL);
  EXPECT(vinci_fit_write_csv(fit, "/no/such/folder/draws.csv", &error) == VINCI_ERROR_IO);
  vinci_error_free(error);
  vinci_fit_free(fit);
  vinci_model_free(model);

  fit = vinci_fit_density(standard_normal, &dim, dim, NULL, &error);
  EXPECT(fit != NULL && vinci_fit_verdict(fit) == VINCI_GOOD);
  EXPECT(fabs(vinci_fit_log_evidence(fit)) < 0.05);
  vinci_fit_free(fit);

  vinci_model_free(NULL);
  vinci_fit_free(NULL);
  vinci_error_free(NULL);
  printf("vinci %s from C\n", vinci_version());
  return 0;
}
