// The user's own random number functions draw in transformed data and generated quantities.
functions {
  real jitter_rng(real x, real scale) {
    return normal_rng(x, scale);
  }
  array[] int dice_rng(int n) {
    array[n] int throws;
    for (i in 1:n) {
      throws[i] = categorical_rng(rep_vector(1.0 / 6, 6));
    }
    return throws;
  }
  vector walk_rng(int n) {
    return cumulative_sum(to_vector(normal_rng(zeros_vector(n), 1)));
  }
}
transformed data {
  array[5] int throws = dice_rng(5);
  real start = jitter_rng(0, 1);
  if (min(throws) < 1 || max(throws) > 6) reject("dice");
}
parameters {
  real mu;
}
model {
  mu ~ normal(start, 1);
}
generated quantities {
  real noisy = jitter_rng(mu, 0.1);
  vector[10] path = walk_rng(10);
  array[2] real pair = normal_rng({mu, mu + 1}, {1, 2});
  vector[2] both = multi_normal_rng([mu, 0]', [[2, 1], [1, 2]]);
  int<lower=0, upper=1> coin = bernoulli_logit_rng(mu);
  simplex[3] p = dirichlet_rng([1, 2, 3]');
  real<lower=0> q;
  {
    real temporary = exponential_rng(1);
    q = 2 * temporary;
  }
}
