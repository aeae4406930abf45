/* The C interface: compile a program, bind JSON data, evaluate the log density, fit, read draws.
 *
 * Handles are opaque and freed by their own function, which takes NULL too. A function that can
 * fail returns NULL or a status other than VINCI_OK and, where `error` is not NULL, stores an error
 * there that vinci_error_free frees. Strings that are returned live as long as the handle they come
 * from. Handles may be used from several threads at once; nothing is global.
 */
#ifndef VINCI_VINCI_H_
#define VINCI_VINCI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vinci_program vinci_program;
typedef struct vinci_model vinci_model;
typedef struct vinci_fit vinci_fit;
typedef struct vinci_error vinci_error;

typedef enum {
  VINCI_OK = 0,
  VINCI_ERROR_USAGE = 1, /* an argument or option is out of its range */
  VINCI_ERROR_INPUT = 2, /* the program or the data is wrong */
  VINCI_ERROR_IO = 3,    /* a file could not be read or written */
  VINCI_ERROR_CANCELLED = 4,
  VINCI_ERROR_INTERNAL = 5 /* out of memory, or a defect of vinci */
} vinci_status;

typedef enum { VINCI_GOOD = 0, VINCI_USABLE = 1, VINCI_BAD = 2 } vinci_verdict;

/* "0.1.0" */
const char* vinci_version(void);

vinci_status vinci_error_status(const vinci_error* error);
/* For a wrong program or data: every diagnostic, with place and hint. */
const char* vinci_error_message(const vinci_error* error);
void vinci_error_free(vinci_error* error);

/* Parses and checks Stan source of `size` bytes; `name` stands for the file name in messages. */
vinci_program* vinci_program_compile(const char* name, const char* source, size_t size,
                                     vinci_error** error);
void vinci_program_free(vinci_program* program);

/* Binds data in Stan's JSON format, `size` bytes; {} or size 0 for a program without data. `seed`
 * is of random numbers in transformed data. The program may be freed while the model lives. */
vinci_model* vinci_model_create(const vinci_program* program, const char* json, size_t size,
                                uint64_t seed, vinci_error** error);
void vinci_model_free(vinci_model* model);

/* D, the number of unconstrained coordinates. */
size_t vinci_model_dim(const vinci_model* model);
/* The number of elements of parameters and transformed parameters, and their names, `theta[3]`;
 * NULL past the end. */
size_t vinci_model_num_constrained(const vinci_model* model);
const char* vinci_model_constrained_name(const vinci_model* model, size_t index);

/* Log density (nats, all constants and Jacobian included) and gradient at `lanes` points.
 * points and gradient: [D][lanes], element (d, l) at [d * lanes + l]; value: [lanes]; gradient may
 * be NULL. A point without a finite density gets value -inf and gradient 0. */
vinci_status vinci_model_evaluate(const vinci_model* model, const double* points, size_t lanes,
                                  double* value, double* gradient, vinci_error** error);
/* Parameters and transformed parameters at the points: constrained [num_constrained][lanes]. */
vinci_status vinci_model_constrain(const vinci_model* model, const double* points, size_t lanes,
                                   double* constrained, vinci_error** error);

/* `options`: a JSON object with any of seed, threads, draws, method, family, init (numbers),
 * budget_seconds, budget_evaluations, as the options of `vinci fit`; NULL: all defaults. A fit that
 * failed is a fit whose verdict is VINCI_BAD, not an error. */
vinci_fit* vinci_fit_model(const vinci_model* model, const char* options, vinci_error** error);

/* A log density of one's own: shapes as for vinci_model_evaluate; called from several threads at
 * once unless the option threads is 1. */
typedef void (*vinci_density)(void* user, const double* points, size_t lanes, double* value,
                              double* gradient);
vinci_fit* vinci_fit_density(vinci_density density, void* user, size_t dim, const char* options,
                             vinci_error** error);
void vinci_fit_free(vinci_fit* fit);

vinci_verdict vinci_fit_verdict(const vinci_fit* fit);
double vinci_fit_khat(const vinci_fit* fit);
double vinci_fit_elbo(const vinci_fit* fit);
double vinci_fit_log_evidence(const vinci_fit* fit);
/* The run record, JSON: everything that is known of the fit but its draws. */
const char* vinci_fit_record(const vinci_fit* fit);

/* Draws [num_draws][num_columns], row-major; columns are elements of variables, `theta[3]`. */
size_t vinci_fit_num_draws(const vinci_fit* fit);
size_t vinci_fit_num_columns(const vinci_fit* fit);
const char* vinci_fit_column_name(const vinci_fit* fit, size_t column);
const double* vinci_fit_draws(const vinci_fit* fit);

/* Draws in CmdStan's CSV format. */
vinci_status vinci_fit_write_csv(const vinci_fit* fit, const char* path, vinci_error** error);

#ifdef __cplusplus
}
#endif

#endif
