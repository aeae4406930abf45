// Hidden Markov model of basketball "drive" events: two observed series (inverse speed u and
// distance to the hoop v), normal emissions with known scales, ordered state means. The hidden
// states are written out.
// Source: Imad Ali, hidden Markov models of basketball player tracking data (2019).
data {
  int<lower=1> K;
  int<lower=1> N;
  array[N] real u;
  array[N] real v;
  matrix<lower=0>[K, K] alpha;
  real<lower=0> tau;
  real<lower=0> rho;
}
parameters {
  simplex[K] theta1;
  simplex[K] theta2;
  ordered[K] phi;
  ordered[K] lambda;
  array[N] int<lower=1, upper=K> z;
}
transformed parameters {
  array[K] simplex[K] theta;
  theta[1] = theta1;
  theta[2] = theta2;
}
model {
  for (from in 1:K) {
    theta[from] ~ dirichlet(alpha[from]');
  }
  phi[1] ~ normal(0, 1);
  phi[2] ~ normal(3, 1);
  lambda[1] ~ normal(0, 1);
  lambda[2] ~ normal(3, 1);
  for (t in 2:N) {
    target += log(theta[z[t - 1], z[t]]);
  }
  for (t in 1:N) {
    u[t] ~ normal(phi[z[t]], tau);
    v[t] ~ normal(lambda[z[t]], rho);
  }
}
