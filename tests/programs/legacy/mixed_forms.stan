// warn: deprecated-syntax at 14, 18, 18, 21, 23
functions {
  real sq(real x) { return x * x; }
}
data {
  int N;
  vector[N] y;
}
parameters {
  ordered[2] mu;
  real<lower=0, upper=1> theta;
}
model {
  real ps[2];
  array[2] real both;   // older and modern forms in one program
  mu ~ normal(0, 3);
  for (n in 1:N) {
    ps[1] <- log(theta) + normal_log(y[n], mu[1], 1);
    ps[2] = log1m(theta) + normal_lpdf(y[n] | mu[2], 1);
    both = ps;
    increment_log_prob(log_sum_exp(both));
  }
  target += -sq(mu[1]) * fabs(theta);
}
