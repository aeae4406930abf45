// expect: character at 3:9
model {
  print(“hello”);
}
