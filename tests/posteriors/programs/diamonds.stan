// Linear regression of log price on properties of diamonds, with centred predictors, standard
// normal slopes and Student-t priors on intercept and (half) residual scale. Data: ggplot2's
// diamonds, subsampled.
data {
  int<lower=1> N;
  vector[N] Y;
  int<lower=1> K;
  matrix[N, K] X;  // first column is the constant
  int prior_only;  // 1: leave out the likelihood
}
transformed data {
  int Kc = K - 1;
  matrix[N, Kc] Xc;
  vector[Kc] means_X;
  for (k in 1:Kc) {
    means_X[k] = mean(X[, k + 1]);
    Xc[, k] = X[, k + 1] - means_X[k];
  }
}
parameters {
  vector[Kc] b;
  real Intercept;  // at the mean of the predictors
  real<lower=0> sigma;
}
model {
  b ~ normal(0, 1);
  Intercept ~ student_t(3, 8, 10);
  // Half Student-t: the mass above zero is divided out.
  target += student_t_lpdf(sigma | 3, 0, 10) - student_t_lccdf(0 | 3, 0, 10);
  if (prior_only == 0) {
    Y ~ normal_id_glm(Xc, Intercept, b, sigma);
  }
}
generated quantities {
  real b_Intercept = Intercept - dot_product(means_X, b);
}
