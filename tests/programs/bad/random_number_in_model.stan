// expect: not-allowed-here at 3:13
model {
  target += normal_rng(0, 1);
}
