// The year in which disasters in British coal mines became rarer: a Poisson rate with one change,
// at an unknown year.
// Data: explosions with ten or more deaths, 1851 to 1962, Jarrett (1979).
data {
  int<lower=1> T;
  int first_year;
  array[T] int<lower=0> disasters;
}
parameters {
  real<lower=0> early;
  real<lower=0> late;
  int<lower=first_year, upper=first_year + T - 1> change;
}
model {
  early ~ exponential(1);
  late ~ exponential(1);
  for (t in 1:T) {
    disasters[t] ~ poisson(first_year + t - 1 < change ? early : late);
  }
}
