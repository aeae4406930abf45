// What trains, evaluates and draws pictures knows of a model.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "deep/core/config.h"
#include "deep/likelihoods/likelihood.h"

namespace vinci::deep {

struct Batch {
  Tensor x;       ///< [B, D] float32 in [0, 1], binarised where the run asks for it
  Tensor labels;  ///< [B] int64, or undefined
};

/// Where in its training a run is.
struct StepContext {
  int64_t step = 0;
  double epoch = 0;
  double kl_weight = 1;  ///< of KL(q || p) in the loss, below 1 while it warms up
};

struct StepResult {
  std::vector<Tensor>
      gradients;     ///< of the loss, one for each of Parameters::trained; may be undefined
  double bound = 0;  ///< the lower bound on log p(x), mean over the batch, in nats
  std::vector<std::pair<std::string, double>> figures;  ///< further ones, for the curves
};

/// Laws: log_weights are unbiased weights: E_q[exp(log_weight)] = p(x); the mean of one is the
/// ELBO.
class Model {
 public:
  explicit Model(Parameters parameters) : parameters_(std::move(parameters)) {}
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// The loss, a scalar that is differentiated, and in `result` the bound and figures. For models
  /// whose gradients are those of one loss; others override `gradients`.
  virtual Tensor loss(const Batch& batch, Noise& noise, const StepContext& context,
                      StepResult& result);
  virtual StepResult gradients(const Batch& batch, Noise& noise, const StepContext& context);
  /// The learning rate of each trained parameter, given that of the run.
  virtual std::vector<double> learning_rates(double rate) const;
  /// After the step of the optimiser: updates of buffers.
  virtual void after_step(const StepContext& context) { (void)context; }

  /// log p(x, z) - log q(z | x) for k draws z of q: [k, B]. No gradients are recorded.
  virtual Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) = 0;
  /// KL(q(z | x) || p(z)) for each example, [B], in closed form or by one draw; may be undefined.
  virtual Tensor kl(const Batch& batch, Noise& noise);
  /// Further figures of each example, [B] each, in nats where the name says nothing else.
  virtual std::vector<std::pair<std::string, Tensor>> figures(const Batch& batch, Noise& noise);
  /// How often the batch takes each code of a codebook, [codes]; undefined without one.
  virtual Tensor code_use(const Batch& batch);
  /// What q(z | x) loses by being computed by a network: the ELBO at parameters of q that are
  /// fitted to each example alone by `steps` steps of Adam, less that at the network's, [B]. Both
  /// at the same draws. Undefined where the model has no such q.
  virtual Tensor amortisation_gap(const Batch& batch, int64_t steps, Noise& noise);
  /// Values of an image that the model is given and does not predict: log p is that of the others.
  virtual int64_t given_values() const { return 0; }
  /// E_q[z | x], [B, L]: the code of an example.
  virtual Tensor encode(const Batch& batch, Noise& noise) = 0;
  /// The mean of p(x | z), [B, D], at codes [B, L]; further layers are drawn.
  virtual Tensor decode(const Tensor& code, Noise& noise) = 0;
  /// Means of p(x | z) at draws z of the prior, [count, D].
  virtual Tensor sample(int64_t count, Noise& noise) = 0;
  /// Means of p(x | z) at a draw z of q(z | x).
  virtual Tensor reconstruct(const Batch& batch, Noise& noise) = 0;

  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

 protected:
  Parameters parameters_;
};

/// What a model is made from.
struct ModelRequest {
  const Config& config;
  DataShape shape;
  uint64_t seed = 1;
  at::Device device = at::kCPU;
  int64_t max_parameters = kMaxParameters;
};

struct ModelKind {
  std::string name;     ///< as in `vinci deep train NAME`
  std::string summary;  ///< one line of help
  std::vector<Setting> settings;
  std::unique_ptr<Model> (*make)(const ModelRequest& request);
};

/// All kinds; each is defined in the file of its name.
const std::vector<ModelKind>& model_kinds();
/// Throws Error(kUsage) with a suggestion.
const ModelKind& model_kind(const std::string& name);

ModelKind vae_kind();
ModelKind iwae_kind();
ModelKind discrete_vae_kind();
ModelKind structured_prediction_kind();
ModelKind hvae_kind();
ModelKind rvae_kind();
ModelKind cvae_kind();
ModelKind sivae_kind();
ModelKind vqvae_kind();

}  // namespace vinci::deep
