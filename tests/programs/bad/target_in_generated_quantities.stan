// expect: not-allowed-here at 3:3
generated quantities {
  target += 1;
}
