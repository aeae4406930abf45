// Scalar declarations with every constraint.
transformed data {
  int<lower=0> a = 3;
  int<upper=10> b = 4;
  int<lower=1, upper=5> c = 5;
  int<upper=5, lower=1> d = 1;
  int e_1, f = 2, g = a + f;
  real<lower=-1.5> h = -1;
  real<upper=1e3> k = 7;
  complex z = 1 + 2i;
  e_1 = 0;
}
parameters {
  real p0;
  real<lower=0> p1;
  real<upper=0> p2;
  real<lower=-a, upper=b / 2.0> p3;
  real<upper=2, lower=-(1 + 1)> p4;
  real<offset=3> p5;
  real<multiplier=2> p6;
  real<offset=-1, multiplier=0.5> p7;
  real<multiplier=4, offset=p0> p8;
  real<lower=p1> p9;
  real<lower=negative_infinity()> p10;
  real<lower=negative_infinity(), upper=1> p11;
  complex w;
}
model {
  p0 ~ normal(0, 1);
  p1 ~ exponential(1);
  -p2 ~ exponential(1);
  p5 ~ normal(3, 1);
  p6 ~ normal(0, 2);
  p7 ~ normal(-1, 0.5);
  p8 ~ normal(p0, 4);
  p9 - p1 ~ gamma(2, 2);
  p10 ~ normal(0, 1);
  1 - p11 ~ exponential(2);
  get_real(w) ~ normal(0, 1);
  get_imag(w) ~ normal(0, 1);
}
