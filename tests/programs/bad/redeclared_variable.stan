// expect: redeclared at 6:8
data {
  int N;
}
parameters {
  real N;
}
