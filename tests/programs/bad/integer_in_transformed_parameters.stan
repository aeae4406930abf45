// expect: not-allowed-here at 3:3
transformed parameters {
  int n = 3;
}
