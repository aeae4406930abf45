// Neural network for digits with one hidden layer of ten tanh units and hierarchical normal
// weights.
// Source: Lampinen and Vehtari (2001), Neural Networks 14, section 3.1; data: MNIST, LeCun et al.
// (1998).
data {
  int<lower=0> N;
  int<lower=0> M;
  matrix[N, M] x;
  int<lower=2> K;
  array[N] int<lower=1, upper=K> y;
}
transformed data {
  int<lower=1> J = 10;  // hidden units
  real nu_alpha = 0.5;
  real nu_beta = 0.5;
  // Prior guesses of the weights' variances: smaller with more inputs to a unit.
  real guess_alpha = square(0.05 / M ^ (1 / nu_alpha));
  real guess_beta = square(0.05 / J ^ (1 / nu_beta));
  vector[N] ones = rep_vector(1, N);
  matrix[N, M + 1] inputs = append_col(ones, x);
}
parameters {
  real<lower=0> sigma2_alpha;
  real<lower=0> sigma2_beta;
  matrix[M, J] alpha;
  matrix[J, K - 1] beta;
  row_vector[J] alpha1;
  row_vector[K - 1] beta1;
}
model {
  matrix[N, J] hidden = tanh(inputs * append_row(alpha1, alpha));
  // The first category's score is fixed at one.
  matrix[N, K] score = append_col(ones, append_col(ones, hidden) * append_row(beta1, beta));

  sigma2_alpha ~ inv_gamma(nu_alpha / 2, nu_alpha * guess_alpha / 2);
  sigma2_beta ~ inv_gamma(nu_beta / 2, nu_beta * guess_beta / 2);
  alpha1 ~ normal(0, 1);
  beta1 ~ normal(0, 1);
  to_vector(alpha) ~ normal(0, sqrt(sigma2_alpha));
  to_vector(beta) ~ normal(0, sqrt(sigma2_beta));
  for (n in 1:N) {
    y[n] ~ categorical_logit(score[n]');
  }
}
