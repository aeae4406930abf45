// Head acceleration in a motorcycle crash: Gaussian processes over time for the mean and for the
// log standard deviation, both in a reduced basis of Laplacian eigenfunctions (Hilbert-space
// approximation).
// Source: Riutort-Mayol et al. (2023), Statistics and Computing 33; data mcycle of Silverman
// (1985).
functions {
  // A draw of the process at the data: standard normal weights of the basis functions, each scaled
  // by the root of the squared-exponential kernel's spectral density at its frequencies omega.
  vector reduced_gp(matrix basis, real sd, real length_scale, vector weights,
                    array[] vector omega) {
    int num_basis = size(omega);
    int num_dims = dims(omega)[2];
    real peak = square(sd) * (sqrt(2 * pi()) * length_scale) ^ num_dims;
    real rate = -0.5 * square(length_scale);
    vector[num_basis] density;
    for (m in 1:num_basis) {
      density[m] = peak * exp(rate * dot_self(omega[m]));
    }
    return basis * (sqrt(density) .* weights);
  }
}
data {
  int<lower=1> N;
  vector[N] Y;
  // For the mean: number of processes, input dimensions, basis size, basis values, frequencies.
  int<lower=1> Kgp_1;
  int<lower=1> Dgp_1;
  int<lower=1> NBgp_1;
  matrix[N, NBgp_1] Xgp_1;
  array[NBgp_1] vector[Dgp_1] slambda_1;
  // The same for the log standard deviation.
  int<lower=1> Kgp_sigma_1;
  int<lower=1> Dgp_sigma_1;
  int<lower=1> NBgp_sigma_1;
  matrix[N, NBgp_sigma_1] Xgp_sigma_1;
  array[NBgp_sigma_1] vector[Dgp_sigma_1] slambda_sigma_1;
  int prior_only;
}
parameters {
  real Intercept;
  real<lower=0> sdgp_1;
  real<lower=0> lscale_1;
  vector[NBgp_1] zgp_1;
  real Intercept_sigma;
  real<lower=0> sdgp_sigma_1;
  real<lower=0> lscale_sigma_1;
  vector[NBgp_sigma_1] zgp_sigma_1;
}
transformed parameters {
  vector<lower=0>[Kgp_1] vsdgp_1;
  array[Kgp_1] vector<lower=0>[1] vlscale_1;
  vector<lower=0>[Kgp_sigma_1] vsdgp_sigma_1;
  array[Kgp_sigma_1] vector<lower=0>[1] vlscale_sigma_1;
  vsdgp_1[1] = sdgp_1;
  vlscale_1[1, 1] = lscale_1;
  vsdgp_sigma_1[1] = sdgp_sigma_1;
  vlscale_sigma_1[1, 1] = lscale_sigma_1;
}
model {
  vector[N] mu = Intercept + reduced_gp(Xgp_1, vsdgp_1[1], vlscale_1[1, 1], zgp_1, slambda_1);
  vector[N] sigma = exp(Intercept_sigma
                        + reduced_gp(Xgp_sigma_1, vsdgp_sigma_1[1], vlscale_sigma_1[1, 1],
                                     zgp_sigma_1, slambda_sigma_1));
  Intercept ~ student_t(3, -13, 36);
  Intercept_sigma ~ student_t(3, 0, 10);
  zgp_1 ~ normal(0, 1);
  zgp_sigma_1 ~ normal(0, 1);
  vlscale_1[1] ~ inv_gamma(1.124909, 0.0177);
  vlscale_sigma_1[1] ~ inv_gamma(1.124909, 0.0177);
  // Half Student-t: the mass above zero is divided out once.
  target += student_t_lpdf(vsdgp_1 | 3, 0, 36) - student_t_lccdf(0 | 3, 0, 36);
  target += student_t_lpdf(vsdgp_sigma_1 | 3, 0, 36) - student_t_lccdf(0 | 3, 0, 36);
  if (prior_only == 0) {
    Y ~ normal(mu, sigma);
  }
}
generated quantities {
  real b_Intercept = Intercept;
  real b_sigma_Intercept = Intercept_sigma;
}
