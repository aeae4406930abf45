// Mixture of K normals, labels summed out; scales uniform on (0, 10).
// Source: mixture chapter of the Stan User's Guide.
data {
  int<lower=1> K;
  int<lower=1> N;
  array[N] real y;
}
parameters {
  simplex[K] theta;
  array[K] real mu;
  array[K] real<lower=0, upper=10> sigma;
}
model {
  mu ~ normal(0, 10);
  for (n in 1:N) {
    array[K] real joint;
    for (k in 1:K) {
      joint[k] = log(theta[k]) + normal_lpdf(y[n] | mu[k], sigma[k]);
    }
    target += log_sum_exp(joint);
  }
}
