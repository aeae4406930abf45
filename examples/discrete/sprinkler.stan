// The grass is wet: did it rain, or was it the sprinkler? A Bayesian network without any continuous
// parameter, whose answer is exact.
parameters {
  int<lower=0, upper=1> cloudy;
  int<lower=0, upper=1> sprinkler;
  int<lower=0, upper=1> rain;
}
model {
  array[2, 2] real wet = {{0, 0.9}, {0.9, 0.99}};
  cloudy ~ bernoulli(0.5);
  sprinkler ~ bernoulli(cloudy ? 0.1 : 0.5);
  rain ~ bernoulli(cloudy ? 0.8 : 0.2);
  1 ~ bernoulli(wet[1 + sprinkler, 1 + rain]);
}
