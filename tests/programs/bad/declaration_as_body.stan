// expect: redeclared at 4:9
transformed data {
  for (n in 1:2) {
    int n = 3;
    print(n);
  }
}
