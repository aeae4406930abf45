// Effect of interventions on the spread of COVID-19 in several countries: a renewal process for
// infections, its convolution with the delay to death, negative binomial counts of deaths.
// Source: Flaxman et al. (2020), Nature 584; version 2 of the published model.
data {
  int<lower=1> M;                      // countries
  int<lower=1> P;                      // interventions
  int<lower=1> N0;                     // days of seeding
  array[M] int<lower=1> N;             // days observed, each at most N2
  int<lower=1> N2;                     // days observed and forecast
  array[N2, M] int cases;
  array[N2, M] int deaths;             // -1 past the days observed
  matrix[N2, M] f;                     // probability of death by days since infection
  array[M] matrix[N2, P] X;
  array[M] int EpidemicStart;
  array[M] real pop;
  array[N2] real SI;                   // serial interval
}
transformed data {
  // Reversed, so that a convolution up to day i is a dot product with the last i - 1 elements.
  vector[N2] interval_rev = reverse(to_vector(SI));
  array[M] vector[N2] delay_rev;
  for (m in 1:M) {
    delay_rev[m] = reverse(f[, m]);
  }
}
parameters {
  array[M] real<lower=0> mu;
  array[P] real<lower=0> alpha_hier;
  real<lower=0> kappa;
  array[M] real<lower=0> y;
  real<lower=0> phi;
  real<lower=0> tau;
  array[M] real<lower=0> ifr_noise;
}
transformed parameters {
  vector[P] alpha = to_vector(alpha_hier) - log(1.05) / 6.0;
  matrix[N2, M] prediction = rep_matrix(0, N2, M);  // infections
  matrix[N2, M] E_deaths = rep_matrix(0, N2, M);
  matrix[N2, M] Rt = rep_matrix(0, N2, M);
  matrix[N2, M] Rt_adj = rep_matrix(0, N2, M);      // less those no longer susceptible
  for (m in 1:M) {
    vector[N2] infected_before = rep_vector(0, N2);
    Rt[, m] = mu[m] * exp(-(X[m] * alpha));
    Rt_adj[1:N0, m] = Rt[1:N0, m];
    prediction[1:N0, m] = rep_vector(y[m], N0);
    infected_before[2:N0] = cumulative_sum(prediction[2:N0, m]);
    for (day in N0 + 1:N2) {
      real pressure = dot_product(prediction[1:day - 1, m], tail(interval_rev, day - 1));
      infected_before[day] = infected_before[day - 1] + prediction[day - 1, m];
      Rt_adj[day, m] = (pop[m] - infected_before[day]) / pop[m] * Rt[day, m];
      prediction[day, m] = Rt_adj[day, m] * pressure;
    }
    E_deaths[1, m] = 1e-15 * prediction[1, m];
    for (day in 2:N2) {
      E_deaths[day, m] = ifr_noise[m]
                         * dot_product(prediction[1:day - 1, m], tail(delay_rev[m], day - 1));
    }
  }
}
model {
  tau ~ exponential(0.03);
  y ~ exponential(1 / tau);
  phi ~ normal(0, 5);
  kappa ~ normal(0, 0.5);
  mu ~ normal(3.28, kappa);
  alpha_hier ~ gamma(0.1667, 1);
  ifr_noise ~ normal(1, 0.1);
  for (m in 1:M) {
    int first = EpidemicStart[m];
    int last = N[m];
    deaths[first:last, m] ~ neg_binomial_2(E_deaths[first:last, m], phi);
  }
}
generated quantities {
  // What would have happened without the interventions.
  matrix[N2, M] prediction0 = rep_matrix(0, N2, M);
  matrix[N2, M] E_deaths0 = rep_matrix(0, N2, M);
  for (m in 1:M) {
    real infected_before = (N0 - 1) * y[m];
    prediction0[1:N0, m] = rep_vector(y[m], N0);
    for (day in N0 + 1:N2) {
      real pressure = dot_product(prediction0[1:day - 1, m], tail(interval_rev, day - 1));
      infected_before += prediction0[day - 1, m];
      prediction0[day, m] = (pop[m] - infected_before) / pop[m] * mu[m] * pressure;
    }
    E_deaths0[1, m] = uniform_rng(1e-16, 1e-15);
    for (day in 2:N2) {
      E_deaths0[day, m] = ifr_noise[m]
                          * dot_product(prediction0[1:day - 1, m], tail(delay_rev[m], day - 1));
    }
  }
}
