// Log leaf weight of mesquite bushes on log canopy volume, area and shape, total height and
// density; flat priors.
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
  vector[N] area = diam1 .* diam2;
  vector[N] l_area = log(area);
  vector[N] l_volume = log(area .* canopy_height);
  vector[N] l_shape = log(diam1 ./ diam2);
  vector[N] l_total = log(total_height);
  vector[N] l_density = log(density);
}
parameters {
  vector[7] beta;
  real<lower=0> sigma;
}
model {
  vector[N] mean_outcome = beta[1] + beta[2] * l_volume + beta[3] * l_area + beta[4] * l_shape
                           + beta[5] * l_total + beta[6] * l_density + beta[7] * group;
  outcome ~ normal(mean_outcome, sigma);
}
