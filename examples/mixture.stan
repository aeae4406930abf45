// A mixture of two normal distributions for 1000 numbers.
// Which component a number came from is summed out with log_mix. Ordered means tell the components
// apart; without them the posterior would have two mirrored modes.
// Data: simulated, of posteriordb's low_dim_gauss_mix.
// The generated quantities give each number's probability of the first component.
data {
  int<lower=0> N;
  vector[N] y;
}
parameters {
  ordered[2] mu;
  vector<lower=0>[2] sigma;
  real<lower=0, upper=1> weight;
}
model {
  mu ~ normal(0, 2);
  sigma ~ normal(0, 2);
  weight ~ beta(5, 5);
  for (n in 1:N) {
    target += log_mix(weight, normal_lpdf(y[n] | mu[1], sigma[1]),
                      normal_lpdf(y[n] | mu[2], sigma[2]));
  }
}
generated quantities {
  vector[N] in_first;
  for (n in 1:N) {
    real first = log(weight) + normal_lpdf(y[n] | mu[1], sigma[1]);
    real second = log1m(weight) + normal_lpdf(y[n] | mu[2], sigma[2]);
    in_first[n] = inv_logit(first - second);
  }
}
