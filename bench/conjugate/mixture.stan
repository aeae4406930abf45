data {
  int N;
  int D;
  int K;
  array[N] vector[D] y;
  matrix[D, D] W;
}
parameters {
  simplex[K] theta;
  array[K] vector[D] mu;
  array[K] cov_matrix[D] L;
  array[N] int<lower=1, upper=K> z;
}
model {
  theta ~ dirichlet(rep_vector(1.0 / K, K));
  for (k in 1:K) {
    L[k] ~ wishart(D, W);
    mu[k] ~ multi_normal_prec(rep_vector(0, D), L[k]);
  }
  for (n in 1:N) {
    z[n] ~ categorical(theta);
    y[n] ~ multi_normal_prec(mu[z[n]], L[z[n]]);
  }
}
