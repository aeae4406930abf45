// Party identification in the National Election Study on ideology, race, age group, education, sex
// and income; flat priors.
// Source: Gelman and Hill (2007), section 4.7.
data {
  int<lower=0> N;
  vector[N] partyid7;
  vector[N] real_ideo;
  vector[N] race_adj;
  vector[N] educ1;
  vector[N] gender;
  vector[N] income;
  array[N] int age_discrete;
}
transformed data {
  vector[N] age_30_to_44;
  vector[N] age_45_to_64;
  vector[N] age_over_64;
  for (n in 1:N) {
    age_30_to_44[n] = age_discrete[n] == 2;
    age_45_to_64[n] = age_discrete[n] == 3;
    age_over_64[n] = age_discrete[n] == 4;
  }
}
parameters {
  vector[9] beta;
  real<lower=0> sigma;
}
model {
  vector[N] by_age = beta[4] * age_30_to_44 + beta[5] * age_45_to_64 + beta[6] * age_over_64;
  partyid7 ~ normal(beta[1] + beta[2] * real_ideo + beta[3] * race_adj + by_age
                    + beta[7] * educ1 + beta[8] * gender + beta[9] * income, sigma);
}
