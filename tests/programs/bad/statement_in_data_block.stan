// expect: not-allowed-here at 4:3
data {
  int N;
  N = 2;
}
