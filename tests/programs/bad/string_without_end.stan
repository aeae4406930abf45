// expect: unterminated-comment at 3:9
model {
  print("hello
  );
}
