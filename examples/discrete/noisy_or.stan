// A noisy-or network: each finding is caused by any of many diseases, or by something else (the leak).
// Its sums over the diseases of a finding have 2^24 addends: q(z) is fitted by sampling.
data {
  int<lower=1> D;
  int<lower=1> F;
  vector<lower=0, upper=1>[D] prior;
  matrix<lower=0, upper=1>[F, D] weight;
  array[F] int<lower=0, upper=1> finding;
}
parameters {
  array[D] int<lower=0, upper=1> disease;
  real<lower=0, upper=1> leak;
}
model {
  leak ~ beta(1, 20);
  disease ~ bernoulli(prior);
  for (f in 1:F) {
    real log_off = log1m(leak);
    for (d in 1:D) {
      log_off += disease[d] * log1m(weight[f, d]);
    }
    target += finding[f] == 1 ? log1m_exp(log_off) : log_off;
  }
}
