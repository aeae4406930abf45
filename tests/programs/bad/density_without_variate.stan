// expect: argument-count at 3:8
functions {
  real foo_lpdf() {
    return 0;
  }
}
