// expect: index-type at 4:9
transformed data {
  tuple(int, real) t = (1, 2.5);
  print(t.3);
}
