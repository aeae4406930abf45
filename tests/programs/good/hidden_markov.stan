// A hidden Markov model by library functions.
functions {
  matrix log_emission(vector y, vector mu) {
    matrix[rows(mu), rows(y)] e_1;
    for (n in 1:rows(y)) {
      for (k in 1:rows(mu)) {
        e_1[k, n] = normal_lpdf(y[n] | mu[k], 1);
      }
    }
    return e_1;
  }
}
data {
  int N;
  vector[N] y;
}
parameters {
  ordered[2] mu;
  row_stochastic_matrix[2, 2] Gamma;
  simplex[2] rho;
}
model {
  mu ~ normal(0, 3);
  target += hmm_marginal(log_emission(y, mu), Gamma, rho);
}
generated quantities {
  array[N] int<lower=1, upper=2> z = hmm_latent_rng(log_emission(y, mu), Gamma, rho);
  matrix[2, N] p = hmm_hidden_state_prob(log_emission(y, mu), Gamma, rho);
}
