// Log leaf weight of mesquite bushes on log canopy volume and area, flat priors.
// Source: Gelman and Hill (2007), section 4.6.
data {
  int<lower=0> N;
  vector[N] weight;
  vector[N] diam1;
  vector[N] diam2;
  vector[N] canopy_height;
  vector[N] group;
}
transformed data {
  vector[N] outcome = log(weight);
  vector[N] area = diam1 .* diam2;
  vector[N] l_area = log(area);
  vector[N] l_volume = log(area .* canopy_height);
}
parameters {
  vector[4] beta;
  real<lower=0> sigma;
}
model {
  outcome ~ normal(beta[1] + beta[2] * l_volume + beta[3] * l_area + beta[4] * group, sigma);
}
