// Included files: whole functions, some declarations, statements within a block.
functions {
#include "include/helpers.stanfunctions"
}
data {
  #include <include/size.stan.part>
  vector[N] y;
}
parameters {
  real mu;
}
model {
  #include include/prior.stan.part
  y ~ normal(mu, twice(0.5));
}
