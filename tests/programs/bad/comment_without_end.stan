// expect: unterminated-comment at 5:1
parameters {
  real x;
}
/* the model follows
model {
  x ~ normal(0, 1);
}
