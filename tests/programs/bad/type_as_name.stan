// expect: reserved-word at 3:7
data {
  int vector;
}
