// Log leaf weight of mesquite bushes on log canopy volume, flat priors.
// Source: Gelman and Hill (2007), section 4.6.
data {
  int<lower=0> N;
  vector[N] weight;
  vector[N] diam1;
  vector[N] diam2;
  vector[N] canopy_height;
}
transformed data {
  vector[N] outcome = log(weight);
  vector[N] l_volume = log(diam1 .* diam2 .* canopy_height);
}
parameters {
  vector[2] beta;
  real<lower=0> sigma;
}
model {
  outcome ~ normal(beta[1] + beta[2] * l_volume, sigma);
}
