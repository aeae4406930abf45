// expect: block-order at 5:1
data {
  int N;
}
data {
  int M;
}
