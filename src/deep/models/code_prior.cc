#include "deep/models/code_prior.h"

#include <cmath>

#include "deep/core/layers.h"
#include "vinci/error.h"

namespace vinci::deep {

Tensor CodePrior::log_density(const Tensor& indices) const {
  return logits(indices).log_softmax(-1).gather(-1, indices.unsqueeze(-1)).squeeze(-1).sum(-1);
}

Tensor CodePrior::draw(int64_t count, Noise& noise) const {
  WithoutGradient scope;
  Tensor indices =
      at::zeros({count, places()}, at::TensorOptions(at::kLong).device(noise.device()));
  for (int64_t place = 0; place < places(); ++place) {
    const Tensor here = logits(indices).select(1, place);
    indices.select(1, place).copy_((here + noise.gumbel(here.sizes())).argmax(-1));
  }
  return indices;
}

namespace {

class UniformPrior : public CodePrior {
 public:
  using CodePrior::CodePrior;
  Tensor logits(const Tensor& indices) const override {
    return at::zeros({indices.size(0), places(), codes_},
                     at::TensorOptions(at::kFloat).device(indices.device()));
  }
};

/// A last layer that starts at 0: all codes equally likely.
Linear last_layer(Parameters& parameters, const std::string& name, int64_t inputs, int64_t outputs,
                  Noise& initial) {
  Linear layer(parameters, name, inputs, outputs, ParameterGroup::kModel, initial);
  WithoutGradient scope;
  layer.weight.zero_();
  return layer;
}

/// A convolution that sees only what is above (vertical) or to the left (horizontal): the picture
/// is padded on that side and the result cut to its size, so that there is nothing to mask.
/// `strict` leaves out the own row or the own place.
struct CausalConvolution {
  CausalConvolution(Parameters& parameters, const std::string& name, int64_t inputs,
                    int64_t outputs, bool is_vertical, bool is_strict, Noise& initial)
      : vertical(is_vertical), strict(is_strict) {
    const int64_t height = vertical ? 2 : 1, width = vertical ? 3 : 2;
    const int64_t area = height * width;
    const std::vector<int64_t> sizes = {outputs, inputs, height, width};
    parameters.reserve(sizes);
    const double bound = std::sqrt(6.0 / static_cast<double>((inputs + outputs) * area));
    weight = parameters.add(name + ".weight", (initial.uniform(sizes) * 2 - 1) * bound,
                            ParameterGroup::kModel);
    bias = parameters.add(name + ".bias", at::zeros({outputs}), ParameterGroup::kModel);
  }

  Tensor operator()(const Tensor& x) const {
    const int64_t before = strict ? 2 : 1;
    const Tensor padded = vertical ? at::constant_pad_nd(x, {1, 1, before, 0})
                                   : at::constant_pad_nd(x, {before, 0, 0, 0});
    return at::conv2d(padded, weight, bias).slice(2, 0, x.size(2)).slice(3, 0, x.size(3));
  }

  bool vertical;
  bool strict;
  Tensor weight;
  Tensor bias;
};

Tensor gate(const Tensor& x) {
  const auto halves = x.chunk(2, 1);
  return halves[0].tanh() * halves[1].sigmoid();
}

/// Gated PixelCNN  [van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu 2016, fig.
/// 2]: a stack that sees the rows above and one that sees the row to the left and the first.
class PixelCnn : public CodePrior {
 public:
  PixelCnn(const Config& config, int64_t height, int64_t width, int64_t codes,
           Parameters& parameters, Noise& initial)
      : CodePrior(height, width, codes) {
    const int64_t channels = config.integer("prior-width");
    parameters.reserve({codes, channels});
    embedding_ = parameters.add("prior.embedding", initial.normal({codes, channels}) * 0.5,
                                ParameterGroup::kModel);
    const ParameterGroup group = ParameterGroup::kModel;
    for (int64_t i = 0; i < config.integer("prior-layers"); ++i) {
      const std::string name = "prior." + std::to_string(i);
      layers_.push_back(
          {CausalConvolution(parameters, name + ".above", channels, 2 * channels, true, i == 0,
                             initial),
           CausalConvolution(parameters, name + ".left", channels, 2 * channels, false, i == 0,
                             initial),
           Convolution(parameters, name + ".link", 2 * channels, 2 * channels, 1, 1, 0, group,
                       initial),
           Convolution(parameters, name + ".out", channels, channels, 1, 1, 0, group, initial)});
    }
    hidden_ = Linear(parameters, "prior.hidden", channels, channels, group, initial);
    last_ = last_layer(parameters, "prior.logits", channels, codes, initial);
  }

  Tensor logits(const Tensor& indices) const override {
    const int64_t count = indices.size(0);
    Tensor above = embedding_.index_select(0, indices.reshape({-1}))
                       .reshape({count, height_, width_, -1})
                       .permute({0, 3, 1, 2});
    Tensor left = above;
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      const Tensor rows = layer.above(above);
      above = gate(rows);
      const Tensor moved = layer.out(gate(layer.left(left) + layer.link(rows)));
      // The first layer's input holds the code of the place itself.
      left = i == 0 ? moved : left + moved;
    }
    const Tensor features = left.permute({0, 2, 3, 1}).reshape({count, places(), -1});
    return last_(hidden_(features.relu()).relu());
  }

 private:
  struct Layer {
    CausalConvolution above;
    CausalConvolution left;
    Convolution link;  // from the rows above to the row
    Convolution out;
  };

  Tensor embedding_;  // [K, channels]
  std::vector<Layer> layers_;
  Linear hidden_;
  Linear last_;
};

/// A causal transformer with the normalisation before each block [Vaswani et al. 2017; Radford et
/// al. 2019] and a learned vector for each place.
class Transformer : public CodePrior {
 public:
  Transformer(const Config& config, int64_t height, int64_t width, int64_t codes,
              Parameters& parameters, Noise& initial)
      : CodePrior(height, width, codes),
        channels_(config.integer("prior-width")),
        heads_(config.integer("prior-heads")) {
    if (channels_ % heads_ != 0)
      throw Error(Error::Kind::kUsage, "`prior-width` is " + std::to_string(channels_) +
                                           "; it is a multiple of `prior-heads`, " +
                                           std::to_string(heads_) + ".");
    parameters.reserve({codes + 1 + places(), channels_});
    const ParameterGroup group = ParameterGroup::kModel;
    // The last row stands before the first place.
    embedding_ =
        parameters.add("prior.embedding", initial.normal({codes + 1, channels_}) * 0.1, group);
    position_ =
        parameters.add("prior.position", initial.normal({places(), channels_}) * 0.1, group);
    for (int64_t i = 0; i < config.integer("prior-layers"); ++i) {
      const std::string name = "prior." + std::to_string(i);
      Layer layer;
      layer.before_attention = norm(parameters, name + ".norm1");
      layer.projections =
          Linear(parameters, name + ".attention", channels_, 3 * channels_, group, initial);
      layer.mix = Linear(parameters, name + ".mix", channels_, channels_, group, initial);
      layer.before_mlp = norm(parameters, name + ".norm2");
      layer.wide = Linear(parameters, name + ".wide", channels_, 4 * channels_, group, initial);
      layer.narrow = Linear(parameters, name + ".narrow", 4 * channels_, channels_, group, initial);
      layers_.push_back(layer);
    }
    before_last_ = norm(parameters, "prior.norm");
    last_ = last_layer(parameters, "prior.logits", channels_, codes, initial);
    later_ =
        at::ones({places(), places()}, at::TensorOptions(at::kBool).device(parameters.device()))
            .triu(1);
  }

  Tensor logits(const Tensor& indices) const override {
    const int64_t count = indices.size(0), places = this->places();
    const Tensor start = at::full({count, 1}, codes_, indices.options());
    const Tensor earlier = at::cat({start, indices.slice(1, 0, places - 1)}, 1);
    Tensor x =
        embedding_.index_select(0, earlier.reshape({-1})).reshape({count, places, channels_}) +
        position_;
    const double scale = 1 / std::sqrt(static_cast<double>(channels_ / heads_));
    for (const Layer& layer : layers_) {
      const auto parts = layer.projections(layer.before_attention(x))
                             .reshape({count, places, 3, heads_, channels_ / heads_})
                             .permute({2, 0, 3, 1, 4})
                             .unbind(0);  // [B, heads, places, channels / heads] each
      const Tensor scores = (at::matmul(parts[0], parts[1].transpose(-1, -2)) * scale)
                                .masked_fill(later_, -std::numeric_limits<double>::infinity());
      const Tensor mixed = at::matmul(scores.softmax(-1), parts[2]);
      x = x + layer.mix(mixed.permute({0, 2, 1, 3}).reshape({count, places, channels_}));
      x = x + layer.narrow(at::gelu(layer.wide(layer.before_mlp(x))));
    }
    return last_(before_last_(x));
  }

 private:
  struct Norm {
    Tensor scale, shift;
    Tensor operator()(const Tensor& x) const {
      return at::layer_norm(x, {x.size(-1)}, scale, shift);
    }
  };
  struct Layer {
    Norm before_attention;
    Linear projections;  // queries, keys, values
    Linear mix;
    Norm before_mlp;
    Linear wide;
    Linear narrow;
  };
  Norm norm(Parameters& parameters, const std::string& name) const {
    return {parameters.add(name + ".scale", at::ones({channels_}), ParameterGroup::kModel),
            parameters.add(name + ".shift", at::zeros({channels_}), ParameterGroup::kModel)};
  }

  int64_t channels_;
  int64_t heads_;
  Tensor embedding_;  // [K + 1, channels]
  Tensor position_;   // [places, channels]
  std::vector<Layer> layers_;
  Norm before_last_;
  Linear last_;
  Tensor later_;  // bool [places, places]: the key is at a later place than the query
};

}  // namespace

std::span<const Setting> code_prior_settings() {
  static const std::vector<Setting> settings = {
      {.name = "prior",
       .value = std::string("pixelcnn"),
       .help = "distribution of the codes that samples are drawn from",
       .choices = {"uniform", "pixelcnn", "transformer"}},
      {.name = "prior-width",
       .value = int64_t{64},
       .help = "channels of the prior's network",
       .minimum = 1,
       .maximum = 4096},
      {.name = "prior-layers",
       .value = int64_t{4},
       .help = "layers of the prior's network",
       .minimum = 1,
       .maximum = 256},
      {.name = "prior-heads",
       .value = int64_t{4},
       .help = "heads of attention of the transformer",
       .minimum = 1,
       .maximum = 256},
  };
  return settings;
}

std::unique_ptr<CodePrior> make_code_prior(const Config& config, int64_t height, int64_t width,
                                           int64_t codes, Parameters& parameters, Noise& initial) {
  const std::string& name = config.text("prior");
  if (name == "pixelcnn")
    return std::make_unique<PixelCnn>(config, height, width, codes, parameters, initial);
  if (name == "transformer")
    return std::make_unique<Transformer>(config, height, width, codes, parameters, initial);
  return std::make_unique<UniformPrior>(height, width, codes);
}

}  // namespace vinci::deep
