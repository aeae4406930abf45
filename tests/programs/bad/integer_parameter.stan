// expect: not-allowed-here at 3:3
parameters {
  int n;
}
