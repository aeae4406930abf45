// How good a trained model is: bounds and estimates of log p(x) on images that it has not seen.
#pragma once

#include "deep/train/feed.h"
#include "vinci/context.h"

namespace vinci::deep {

struct Evaluation {
  int64_t images = 0;
  int64_t samples = 0;     ///< k of log_p
  double elbo = 0;         ///< mean over images of the mean log weight, nats
  double elbo_error = 0;   ///< standard error over the images
  double log_p = 0;        ///< mean of L_k: a lower bound that tends to log p(x) as k grows
  double log_p_error = 0;  ///< standard error over the images
  std::vector<std::pair<int64_t, double>> bounds;  ///< L_k for k = 1, 5, 50, ... below samples
  double kl = 0;  ///< mean KL(q(z|x) || p(z)); NaN if the model has none
  int64_t latent = 0;
  int64_t active =
      0;           ///< latent variables with Var_x E_q[z | x] > 0.01  [Burda et al. 2015, sec. 5]
  double ess = 0;  ///< median effective number of the k weights of an image
  std::vector<std::pair<std::string, double>> figures;  ///< means of Model::figures
  int64_t codes = 0;                                    ///< of a codebook; 0 without one
  int64_t codes_used = 0;
  double perplexity = 0;              ///< exp of the entropy of the codes' shares
  double amortisation_gap = 0;        ///< mean over gap_images
  double amortisation_gap_error = 0;  ///< standard error over them
  int64_t gap_images = 0;             ///< 0: not asked for, or the model has none
  bool cancelled = false;
};

/// Fitting q(z | x) to single images, for the amortisation gap.
struct GapRequest {
  int64_t images = 0;  ///< the first ones; 0: none
  int64_t steps = 300;
};

/// L_k of every image from `samples` weights, in pieces that fit memory; O(images samples) passes
/// of the decoder. A latent variable that is not active is ignored by the decoder: where few are,
/// the posterior has collapsed onto the prior.
Evaluation evaluate(Model& model, const Feed& feed, int64_t samples, uint64_t seed,
                    const Context& context, const GapRequest& gap = {});

}  // namespace vinci::deep
