// A basketball player's drive to the hoop, found in tracking data by a hidden Markov model.
// At each of 416 moments the player is in one of two hidden states, each with its own speed and
// distance from the hoop (both log-transformed). The forward recursion sums over all 2^416 paths.
// Data: public NBA tracking data, one event, prepared by Imad Ali; of posteriordb.
// The generated quantities give the most probable path of states (Viterbi).
data {
  int<lower=1> N;
  vector[N] inverse_speed;
  vector[N] distance;
}
transformed data {
  int K = 2;
}
parameters {
  array[K] simplex[K] transition;
  vector[K] mean_speed;
  ordered[K] mean_distance;
  vector<lower=0>[K] sd_speed;
  vector<lower=0>[K] sd_distance;
}
transformed parameters {
  matrix[N, K] log_emission;
  for (k in 1:K) {
    for (n in 1:N) {
      log_emission[n, k] = normal_lpdf(inverse_speed[n] | mean_speed[k], sd_speed[k])
                           + normal_lpdf(distance[n] | mean_distance[k], sd_distance[k]);
    }
  }
}
model {
  transition[1] ~ dirichlet([20, 1]');
  transition[2] ~ dirichlet([1, 20]');
  mean_speed ~ normal(0, 2);
  mean_distance ~ normal(0, 3);
  sd_speed ~ normal(0, 1);
  sd_distance ~ normal(0, 1);

  vector[K] log_forward = log_emission[1]' - log(K);
  for (n in 2:N) {
    vector[K] next;
    for (to in 1:K) {
      vector[K] path;
      for (from in 1:K) {
        path[from] = log_forward[from] + log(transition[from, to]);
      }
      next[to] = log_sum_exp(path) + log_emission[n, to];
    }
    log_forward = next;
  }
  target += log_sum_exp(log_forward);
}
generated quantities {
  array[N] int<lower=1, upper=K> state;
  {
    array[N, K] int came_from;
    vector[K] best = log_emission[1]';
    for (n in 2:N) {
      vector[K] next = rep_vector(negative_infinity(), K);
      for (to in 1:K) {
        came_from[n, to] = 1;
        for (from in 1:K) {
          real candidate = best[from] + log(transition[from, to]) + log_emission[n, to];
          if (candidate > next[to]) {
            next[to] = candidate;
            came_from[n, to] = from;
          }
        }
      }
      best = next;
    }
    state[N] = best[1] > best[2] ? 1 : 2;
    for (back in 1:N - 1) {
      state[N - back] = came_from[N - back + 1, state[N - back + 1]];
    }
  }
}
