// Hidden Markov model of basketball "drive" events: two observed series (inverse speed u and
// distance to the hoop v), normal emissions with known scales, ordered state means. Hidden states
// are summed out by the forward recursion.
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

  array[N, K] real log_forward;
  for (k in 1:K) {
    log_forward[1, k] = normal_lpdf(u[1] | phi[k], tau) + normal_lpdf(v[1] | lambda[k], rho);
  }
  for (t in 2:N) {
    for (to in 1:K) {
      array[K] real path;
      real log_emission = normal_lpdf(u[t] | phi[to], tau) + normal_lpdf(v[t] | lambda[to], rho);
      for (from in 1:K) {
        path[from] = log_forward[t - 1, from] + log(theta[from, to]) + log_emission;
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
      best[1, k] = normal_lpdf(u[1] | phi[k], tau) + normal_lpdf(v[1] | lambda[k], rho);
      came_from[1, k] = k;
    }
    for (t in 2:N) {
      for (to in 1:K) {
        real log_emission = normal_lpdf(u[t] | phi[to], tau) + normal_lpdf(v[t] | lambda[to], rho);
        best[t, to] = negative_infinity();
        came_from[t, to] = 1;
        for (from in 1:K) {
          real candidate = best[t - 1, from] + log(theta[from, to]) + log_emission;
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
