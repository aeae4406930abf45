// Calibration of the eight schools in the form without a funnel: effects are mu + tau * z.
//   vinci calibrate eight_schools_noncentered.stan eight_schools.json
// Parameters and data are drawn in `transformed data`, anew for each replica; `ranks_` says for each
// draw whether it exceeds the truth.
data {
  int<lower=0> J;
  vector<lower=0>[J] sigma;
}
transformed data {
  real mu_ = normal_rng(0, 5);
  real tau_ = abs(normal_rng(0, 5));
  vector[J] theta_;
  vector[J] y;
  for (j in 1:J) {
    theta_[j] = normal_rng(mu_, tau_);
    y[j] = normal_rng(theta_[j], sigma[j]);
  }
}
parameters {
  real mu;
  real<lower=0> tau;
  vector[J] z;
}
transformed parameters {
  vector[J] theta = mu + tau * z;
}
model {
  mu ~ normal(0, 5);
  tau ~ normal(0, 5);
  z ~ std_normal();
  y ~ normal(theta, sigma);
}
generated quantities {
  vector[3] pars_ = [mu_, tau_, theta_[1]]';
  array[3] int ranks_ = {mu > mu_, tau > tau_, theta[1] > theta_[1]};
}
