// Hidden Markov model with normal emissions of unit scale and ordered positive means; uniform
// priors on the rows of the transition matrix. Hidden states are summed out by the forward
// recursion.
// Source: hidden Markov section of the Stan User's Guide.
data {
  int<lower=0> N;
  int<lower=0> K;
  array[N] real y;
}
parameters {
  simplex[K] theta1;
  simplex[K] theta2;
  positive_ordered[K] mu;
}
transformed parameters {
  array[K] simplex[K] theta;
  theta[1] = theta1;
  theta[2] = theta2;
}
model {
  mu[1] ~ normal(3, 1);
  mu[2] ~ normal(10, 1);

  array[N, K] real log_forward;
  for (k in 1:K) {
    log_forward[1, k] = normal_lpdf(y[1] | mu[k], 1);
  }
  for (t in 2:N) {
    for (to in 1:K) {
      array[K] real path;
      for (from in 1:K) {
        path[from] = log_forward[t - 1, from] + log(theta[from, to])
                     + normal_lpdf(y[t] | mu[to], 1);
      }
      log_forward[t, to] = log_sum_exp(path);
    }
  }
  target += log_sum_exp(log_forward[N]);
}
generated quantities {
  // Most probable state sequence (Viterbi) and its joint log probability with the data.
  array[N] int<lower=1, upper=K> z_star;
  real log_p_z_star;
  {
    array[N, K] int came_from;
    array[N, K] real best;
    for (k in 1:K) {
      best[1, k] = normal_lpdf(y[1] | mu[k], 1);
      came_from[1, k] = k;
    }
    for (t in 2:N) {
      for (to in 1:K) {
        best[t, to] = negative_infinity();
        came_from[t, to] = 1;
        for (from in 1:K) {
          real candidate = best[t - 1, from] + log(theta[from, to]) + normal_lpdf(y[t] | mu[to], 1);
          if (candidate > best[t, to]) {
            best[t, to] = candidate;
            came_from[t, to] = from;
          }
        }
      }
    }
    log_p_z_star = max(best[N]);
    z_star[N] = sort_indices_desc(best[N])[1];
    for (back in 1:N - 1) {
      int t = N - back;
      z_star[t] = came_from[t + 1, z_star[t + 1]];
    }
  }
}
