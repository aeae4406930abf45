// expect: not-allowed-here at 3:3
model {
  break;
}
