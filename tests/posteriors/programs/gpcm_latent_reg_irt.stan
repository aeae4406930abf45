// Generalised partial credit model for graded answers, with a regression of ability on person
// covariates.
// Source: Muraki (1992); Furr, "edstan: Stan Models for Item Response Theory" (2017). Data: TIMSS
// 2011.
functions {
  // log P(score y) where eta is the scaled ability and beta the item's step difficulties.
  real partial_credit_lpmf(int y, real eta, vector beta) {
    int num_steps = rows(beta);
    vector[num_steps + 1] steps;
    steps[1] = 0;
    steps[2:num_steps + 1] = eta - beta;
    return categorical_lpmf(y + 1 | softmax(cumulative_sum(steps)));
  }
}
data {
  int<lower=1> I;
  int<lower=1> J;
  int<lower=1> N;
  array[N] int<lower=1, upper=I> ii;
  array[N] int<lower=1, upper=J> jj;
  array[N] int<lower=0> y;
  int<lower=1> K;
  matrix[J, K] W;  // first column is the constant
}
transformed data {
  array[I] int m = rep_array(0, I);  // steps of each item: its highest score
  for (n in 1:N) {
    m[ii[n]] = max(m[ii[n]], y[n]);
  }
  array[I] int pos;                  // where an item's steps begin
  pos[1] = 1;
  for (i in 2:I) {
    pos[i] = pos[i - 1] + m[i - 1];
  }
  // All covariates but the constant are centred and divided by two standard deviations.
  row_vector[K] centre = rep_row_vector(0, K);
  row_vector[K] spread = rep_row_vector(1, K);
  matrix[J, K] W_adj;
  for (k in 1:K) {
    if (k > 1) {
      centre[k] = mean(W[, k]);
      spread[k] = 2 * sd(W[, k]);
    }
    W_adj[, k] = (W[, k] - centre[k]) / spread[k];
  }
}
parameters {
  vector<lower=0>[I] alpha;
  vector[sum(m) - 1] beta_free;
  vector[J] theta;
  vector[K] lambda_adj;
}
transformed parameters {
  // Step difficulties, which sum to zero.
  vector[sum(m)] beta = append_row(beta_free, -sum(beta_free));
}
model {
  alpha ~ lognormal(1, 1);
  target += normal_lpdf(beta | 0, 3);
  lambda_adj ~ student_t(3, 0, 1);
  theta ~ normal(W_adj * lambda_adj, 1);
  for (n in 1:N) {
    int i = ii[n];
    y[n] ~ partial_credit(alpha[i] * theta[jj[n]], segment(beta, pos[i], m[i]));
  }
}
generated quantities {
  // Regression coefficients on the covariates' own scale.
  vector[K] lambda;
  lambda[2:K] = lambda_adj[2:K] ./ spread[2:K]';
  lambda[1] = W_adj[1] * lambda_adj - W[1, 2:K] * lambda[2:K];
}
