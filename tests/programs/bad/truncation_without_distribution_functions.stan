// expect: not-allowed-here at 6:3
parameters {
  vector[2] x;
}
model {
  x ~ multi_normal([0, 0]', identity_matrix(2)) T[0, ];
}
