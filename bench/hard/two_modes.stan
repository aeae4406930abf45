// Two separated modes, of one third and two thirds of the mass.
parameters {
  vector[2] x;
}
model {
  target += log_mix(1.0 / 3, normal_lpdf(x | -4, 1), normal_lpdf(x | 4, 1));
}
