// Profile sections, nested and in functions.
functions {
  real slow_sum(vector x) {
    real total = 0;
    profile("sum") {
      for (i in 1:rows(x)) {
        total += x[i];
      }
    }
    return total;
  }
}
transformed data {
  profile("transformed data") {
    vector[3] local = [1, 2, 3]';
    if (slow_sum(local) != 6) reject("sum");
  }
}
parameters {
  vector[3] x;
}
model {
  profile("all") {
    profile("priors") {
      x ~ std_normal();
    }
    profile("the rest") {
      real s = slow_sum(x);
      s ~ normal(0, 2);
    }
  }
}
