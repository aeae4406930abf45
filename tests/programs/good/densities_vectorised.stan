// Densities of containers: scalars are repeated, containers of one size go together.
data {
  int N;
  array[N] int k;
  vector[N] y;
  array[N] real ya;
  row_vector[N] yr;
  matrix[N, 2] X;
}
parameters {
  real mu;
  vector[N] m;
  array[N] real<lower=0> s;
  vector[2] beta;
  real<lower=0, upper=1> p;
  simplex[3] q;
}
model {
  mu ~ normal(0, {1, 2});
  m ~ normal(mu, s);
  y ~ normal(m, 1);
  ya ~ normal(m, s);
  yr ~ normal(ya, y .^ 2 + 1);
  0.5 ~ normal(m, s);
  s ~ exponential(1);
  k ~ poisson(s);
  k ~ binomial(5, p);
  k ~ binomial({4, 5, 6}, inv_logit(m));
  k ~ categorical(q);
  append_array({1, 0}, {1}) ~ bernoulli(p);
  y ~ normal_id_glm(X, mu, beta, 2);
  k ~ poisson_log_glm(X, m, beta);
  beta ~ multi_normal([0, 0]', identity_matrix(2));
  target += multi_normal_lpdf({beta, -beta} | {[0, 1]', [1, 0]'}, identity_matrix(2));
  q ~ dirichlet(rep_vector(2, 3));
}
