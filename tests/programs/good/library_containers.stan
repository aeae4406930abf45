// Functions that take containers apart, put them together, sort and summarise them.
functions {
  // Relative closeness, absolute below one.
  void near(real x, real y, real tolerance, int which) {
    if (!(abs(x - y) <= tolerance * (1 + abs(y)))) {
      reject("check ", which, ": ", x, " is not ", y);
    }
  }
}
transformed data {
  vector[4] v = [3, 1, 4, 1.5]';
  row_vector[4] r = v';
  array[4] real a = {3, 1, 4, 1.5};
  array[5] int k = {2, 7, 1, 8, 2};
  matrix[2, 3] A = [[1, 2, 3], [4, 5, 6]];
  near(sum(v) + sum(r) + sum(a) + sum(k) + sum(A), 9.5 * 3 + 20 + 21, 1e-14, 1);
  near(prod(v) * prod(k), 18 * 224, 1e-12, 2);
  near(mean(v) + mean(a) + mean(A), 2.375 * 2 + 3.5, 1e-14, 3);
  near(variance(v), 1.8958333333333333, 1e-14, 4);
  near(sd(a), sqrt(variance(r)), 1e-14, 5);
  near(max(v) + min(v) + max(k) + min(k) + max(A), 4 + 1 + 8 + 1 + 6, 0, 6);
  near(sort_asc(v)[3] + sort_desc(a)[1] + sort_asc(k)[5], 3 + 4 + 8, 0, 7);
  near(sort_indices_asc(v)[1] * 10 + sort_indices_desc(k)[1], 24, 0, 8);
  near(rank(v, 1), 2, 0, 9);
  near(cumulative_sum(v)[3] + cumulative_sum(k)[2], 8 + 9, 0, 10);
  near(head(v, 2)[2] + tail(r, 2)[1] + segment(a, 2, 2)[2], 1 + 4 + 4, 0, 11);
  near(reverse(v)[1] + reverse(k)[2], 1.5 + 8, 0, 12);
  near(append_row(v, 9)[5] + append_col(9, r)[1] + append_array(k, {5})[6], 9 + 9 + 5, 0, 13);
  near(append_row(A, A)[4, 3] + append_col(A, A)[1, 6] + append_row(r, r)[2, 1], 6 + 3 + 3, 0, 14);
  near(to_vector(A)[2] + to_array_1d(A)[3] + to_row_vector(A)[6], 4 + 2 + 6, 0, 15);
  near(to_matrix(v, 2, 2)[2, 1] + to_matrix(a, 2, 2, 0)[1, 2], 1 + 1, 0, 16);
  near(to_array_2d(A)[2, 1] + to_matrix(to_array_2d(A))[1, 3], 4 + 3, 0, 17);
  near(block(A, 1, 2, 2, 2)[2, 1] + sub_col(A, 1, 3, 2)[2] + sub_row(A, 2, 1, 2)[2],
       5 + 6 + 5, 0, 18);
  near(col(A, 2)[2] + row(A, 1)[3] + rows(A) + cols(A), 5 + 3 + 2 + 3, 0, 19);
  near(rep_vector(2, 3)[3] + rep_row_vector(3, 2)[1] + rep_matrix(4, 2, 2)[2, 2], 9, 0, 20);
  near(rep_matrix(v, 2)[3, 2] + rep_matrix(r, 2)[2, 3] + rep_array(5, 2, 2)[2, 1], 13, 0, 21);
  near(linspaced_vector(5, 0, 1)[2] + linspaced_array(3, 1, 3)[2], 2.25, 1e-15, 22);
  near(linspaced_int_array(3, 1, 5)[2] + linspaced_row_vector(3, 0, 4)[3], 7, 0, 23);
  near(one_hot_vector(3, 2)[2] + one_hot_int_array(4, 1)[1] + one_hot_row_vector(2, 2)[1],
       2, 0, 24);
  near(sum(ones_vector(3)) + sum(zeros_int_array(3)) + sum(ones_array(2)), 5, 0, 25);
  near(uniform_simplex(4)[2] + identity_matrix(3)[2, 2], 1.25, 0, 26);
  near(dot_product(v, r) + dot_self(r), 2 * 28.25, 1e-13, 27);
  near(squared_distance(v, [3, 1, 4, 0.5]') + distance(v, v), 1, 1e-14, 28);
  near(norm1(v) + norm2(r), 9.5 + sqrt(28.25), 1e-14, 29);
  near(columns_dot_product(A, A)[3] + rows_dot_self(A)[1] + rows_dot_product(A, A)[2],
       45 + 14 + 77, 0, 30);
  near(quantile(v, 0.5), 2.25, 1e-14, 31);
  near(num_elements(A) + size(k) + dims(A)[2] + size(rep_array(1, 2, 3)[1]), 17, 0, 32);
  near(sum(softmax(v)), 1, 1e-14, 33);
  near(log_softmax(v)[1], log(softmax(v)[1]), 1e-13, 34);
  near(log_sum_exp(v), log(sum(exp(v))), 1e-14, 35);
  near(sum(log(a)) + sum(exp(A[1])) - sum(to_vector(log(to_array_1d(v)))),
       sum(exp([1, 2, 3])), 1e-13, 36);
}
