// The target: adding to it, reading it, and densities with and without their constants.
data {
  vector[3] y;
}
parameters {
  real mu;
  real<lower=0> sigma;
}
model {
  real before = target();
  target += normal_lpdf(y | mu, sigma);
  target += normal_lupdf(mu | 0, 10);
  target += -sigma;
  target += [mu, sigma];          // a container adds its sum
  if (target() == before) {
    reject("nothing was added");
  }
  y[1] + mu ~ normal(0, sigma);   // an expression on the left
  sum(y) * 2 ~ student_t(3, mu, 1);
  sigma ~ gamma(2, 1);
}
