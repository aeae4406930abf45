// Decompositions, solves, products and determinants against identities.
functions {
  void near(real x, real y, real tolerance, int which) {
    if (!(abs(x - y) <= tolerance * (1 + abs(y)))) {
      reject("check ", which, ": ", x, " is not ", y);
    }
  }
  // The largest difference of any two elements.
  real gap(matrix A, matrix B) {
    return max(abs(A - B));
  }
}
transformed data {
  real tol = 1e-11;
  matrix[3, 3] S = [[4, 1, 0.5], [1, 3, -0.25], [0.5, -0.25, 2]];
  matrix[3, 3] G = [[1, 2, 0], [-1, 0.5, 3], [2, 1, 1]];
  matrix[4, 3] T = append_row(G, [0.5, -0.5, 1]);
  vector[3] v = [1, -2, 0.5]';
  matrix[3, 3] Id = identity_matrix(3);
  matrix[3, 3] L = cholesky_decompose(S);
  near(gap(L * L', S), 0, tol, 1);
  near(gap(multiply_lower_tri_self_transpose(L), S), 0, tol, 2);
  near(gap(inverse(G) * G, Id), 0, tol, 3);
  near(gap(inverse_spd(S) * S, Id), 0, tol, 4);
  near(gap(chol2inv(L) * S, Id), 0, tol, 5);
  near(gap(G * mdivide_left(G, T'), T'), 0, tol, 6);
  near(gap(mdivide_right(T, G) * G, T), 0, tol, 7);
  near(gap(S * mdivide_left_spd(S, T'), T'), 0, tol, 8);
  near(gap(mdivide_right_spd(T, S) * S, T), 0, tol, 9);
  near(gap(L * mdivide_left_tri_low(L, T'), T'), 0, tol, 10);
  near(gap(mdivide_right_tri_low(T, L) * L, T), 0, tol, 11);
  near(determinant(G), 1 * (0.5 - 3) - 2 * (-1 - 6), tol, 12);
  near(log_determinant(G), log(abs(determinant(G))), tol, 13);
  near(log_determinant_spd(S), log(determinant(S)), tol, 14);
  near(gap(qr_Q(T) * qr_R(T), T), 0, tol, 15);
  near(gap(qr_thin_Q(T) * qr_thin_R(T), T), 0, tol, 16);
  near(gap(qr_thin_Q(T)' * qr_thin_Q(T), Id), 0, tol, 17);
  near(sum(eigenvalues_sym(S)), trace(S), tol, 18);
  near(gap(eigenvectors_sym(S) * diag_matrix(eigenvalues_sym(S)) * eigenvectors_sym(S)', S),
       0, tol, 19);
  near(gap(svd_U(T) * diag_matrix(singular_values(T)) * svd_V(T)', T), 0, tol, 20);
  near(gap(crossprod(T), T' * T), 0, tol, 21);
  near(gap(tcrossprod(T), T * T'), 0, tol, 22);
  near(quad_form(S, v), v' * S * v, tol, 23);
  near(gap(quad_form_sym(S, G), G' * S * G), 0, tol, 24);
  near(gap(quad_form_diag(S, v), diag_matrix(v) * S * diag_matrix(v)), 0, tol, 25);
  near(gap(diag_pre_multiply(v, S), diag_matrix(v) * S), 0, tol, 26);
  near(gap(diag_post_multiply(S, v), S * diag_matrix(v)), 0, tol, 27);
  near(trace_quad_form(S, G), trace(G' * S * G), tol, 28);
  near(trace_gen_quad_form(Id, S, G), trace(G' * S * G), tol, 29);
  near(gap(add_diag(S, 2), S + 2 * Id), 0, tol, 30);
  near(gap(add_diag(S, v), S + diag_matrix(v)), 0, tol, 31);
  near(sum(diagonal(S)), 9, tol, 32);
  near(gap(matrix_exp(Id * 0), Id), 0, tol, 33);
  near(gap(matrix_exp(G) * matrix_exp(-G), Id), 0, 1e-9, 34);
  near(gap(matrix_exp_multiply(G, T'), matrix_exp(G) * T'), 0, 1e-9, 35);
  near(gap(matrix_power(G, 3), G * G * G), 0, tol, 36);
  near(gap(symmetrize_from_lower_tri(G), symmetrize_from_lower_tri(G)'), 0, 0, 37);
  near(gap(generalized_inverse(T) * T, Id), 0, tol, 38);
  near(gap(csr_to_dense_matrix(3, 3, csr_extract_w(G), csr_extract_v(G), csr_extract_u(G)), G),
       0, 0, 39);
  near(sum(csr_matrix_times_vector(3, 3, csr_extract_w(G), csr_extract_v(G), csr_extract_u(G), v)),
       sum(G * v), tol, 40);
  {
    tuple(matrix[4, 3], matrix[3, 3]) q = qr_thin(T);
    tuple(matrix[3, 3], vector[3]) e_1 = eigendecompose_sym(S);
    tuple(matrix[4, 3], vector[3], matrix[3, 3]) s = svd(T);
    near(gap(q.1 * q.2, T), 0, tol, 41);
    near(gap(e_1.1 * diag_matrix(e_1.2) * e_1.1', S), 0, tol, 42);
    near(gap(s.1 * diag_matrix(s.2) * s.3', T), 0, tol, 43);
  }
  near(gap(gp_exp_quad_cov({0.0, 1.0}, 2, 0.5), 4 * [[1, exp(-2)], [exp(-2), 1]]), 0, tol, 44);
  near(gp_matern32_cov({0.0, 1.0}, 2, 0.5)[1, 2],
       4 * (1 + 2 * sqrt(3)) * exp(-2 * sqrt(3)), tol, 45);
  near(gp_matern52_cov({0.0, 1.0}, 2, 0.5)[1, 2],
       4 * (1 + 2 * sqrt(5) + 20.0 / 3) * exp(-2 * sqrt(5)), tol, 46);
  near(gp_exponential_cov({0.0, 1.0}, 2, 0.5)[1, 2], 4 * exp(-2), tol, 47);
  near(gp_periodic_cov({0.0, 0.25}, 2, 0.5, 1)[1, 2], 4 * exp(-2 * 0.5 / 0.25), tol, 48);
  near(gp_dot_prod_cov({2.0, 3.0}, 0.5)[1, 2], 6.25, tol, 49);
}
