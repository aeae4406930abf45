// expect: reserved-word at 3:3
transformed data {
  void x;
}
