// Densities, masses and distribution functions of the user's own, in `~`, in calls and truncated.
functions {
  real triangle_lpdf(real y, real width) {
    return abs(y) < width ? log1m(abs(y) / width) - log(width) : negative_infinity();
  }
  real shifted_poisson_lpmf(int n, real rate) {
    return poisson_lpmf(n - 1 | rate);
  }
  real shifted_poisson_lpmf(array[] int n, real rate) {
    real total = 0;
    for (k in n) {
      total += shifted_poisson_lpmf(k | rate);
    }
    return total;
  }
  real kernel_lpdf(vector y, real scale) {
    return normal_lupdf(y | 0, scale);
  }
  real half_line_lpdf(real y, real rate) {
    return exponential_lpdf(y | rate);
  }
  real half_line_lcdf(real y, real rate) {
    return exponential_lcdf(y | rate);
  }
  real half_line_lccdf(real y, real rate) {
    return exponential_lccdf(y | rate);
  }
  real half_line_cdf(real y, real rate) {
    return exponential_cdf(y | rate);
  }
  real alone_lpdf(real y) {
    return std_normal_lpdf(y);
  }
}
transformed data {
  array[3] int counts = {1, 2, 5};
  if (half_line_cdf(0.0 | 1) != 0) reject("a distribution function called with a bar");
}
parameters {
  real<lower=-2, upper=2> a;
  vector[2] b;
  real<lower=0.5, upper=3> c;
  real<lower=0> rate;
  real d;
}
model {
  a ~ triangle(2);
  b ~ kernel(1.5);
  c ~ half_line(rate) T[0.5, 3];
  d ~ alone();
  rate ~ exponential(1);
  counts ~ shifted_poisson(rate);
  3 ~ shifted_poisson(rate);
  target += triangle_lpdf(a / 2 | 2) + triangle_lupdf(a / 3 | 2);
  target += shifted_poisson_lupmf(4 | rate);
  target += half_line_lccdf(0.1 | rate) + half_line_lcdf(5 | rate);
  target += alone_lpdf(d |);
}
