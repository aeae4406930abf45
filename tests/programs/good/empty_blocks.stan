// All seven blocks, each without content.
functions {}
data {}
transformed data {}
parameters {}
transformed parameters {}
model {}
generated quantities {}
