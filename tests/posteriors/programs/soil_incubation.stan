// Carbon dioxide evolved from soil: two pools of carbon that decay and feed each other.
// Source: Carpenter, "Soil Carbon Modeling with RStan" (Stan case study, 2014); Sierra and Mueller
// (2014).
functions {
  vector two_pools(real time, vector carbon, real k1, real k2, real alpha21, real alpha12) {
    vector[2] loss = [k1, k2]' .* carbon;
    return [-loss[1] + alpha12 * loss[2], -loss[2] + alpha21 * loss[1]]';
  }
}
data {
  real<lower=0> totalC_t0;
  real t0;
  int<lower=0> N_t;
  array[N_t] real<lower=t0> ts;
  array[N_t] real<lower=0> eCO2mean;
}
parameters {
  real<lower=0> k1;
  real<lower=0> k2;
  real<lower=0> alpha21;
  real<lower=0> alpha12;
  real<lower=0, upper=1> gamma;  // share of pool 1 at the start
  real<lower=0> sigma;
}
transformed parameters {
  array[N_t] real eCO2_hat;
  {
    vector[2] start = [gamma * totalC_t0, (1 - gamma) * totalC_t0]';
    array[N_t] vector[2] carbon = ode_rk45(two_pools, start, t0, ts, k1, k2, alpha21, alpha12);
    for (t in 1:N_t) {
      eCO2_hat[t] = totalC_t0 - sum(carbon[t]);
    }
  }
}
model {
  gamma ~ beta(10, 1);  // tells the pools apart
  k1 ~ normal(0, 1);
  k2 ~ normal(0, 1);
  alpha21 ~ normal(0, 1);
  alpha12 ~ normal(0, 1);
  sigma ~ cauchy(0, 1);
  for (t in 1:N_t) {
    eCO2mean[t] ~ normal(eCO2_hat[t], sigma);
  }
}
