// expect: character at 3:8
parameters {
  real σ;
}
