// expect: reserved-word at 3:8
parameters {
  real x__;
}
