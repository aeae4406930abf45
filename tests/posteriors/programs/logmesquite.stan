// Log leaf weight of mesquite bushes on log measurements, flat priors.
// Source: Gelman and Hill (2007), section 4.6.
data {
  int<lower=0> N;
  vector[N] weight;
  vector[N] diam1;
  vector[N] diam2;
  vector[N] canopy_height;
  vector[N] total_height;
  vector[N] density;
  vector[N] group;
}
transformed data {
  vector[N] outcome = log(weight);
  vector[N] l_diam1 = log(diam1);
  vector[N] l_diam2 = log(diam2);
  vector[N] l_canopy = log(canopy_height);
  vector[N] l_total = log(total_height);
  vector[N] l_density = log(density);
}
parameters {
  vector[7] beta;
  real<lower=0> sigma;
}
model {
  vector[N] mean_outcome = beta[1] + beta[2] * l_diam1 + beta[3] * l_diam2 + beta[4] * l_canopy
                           + beta[5] * l_total + beta[6] * l_density + beta[7] * group;
  outcome ~ normal(mean_outcome, sigma);
}
