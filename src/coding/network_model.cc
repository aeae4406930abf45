#include "coding/network_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "coding/bytes.h"
#include "coding/distributions.h"
#include "coding/pixels.h"
#include "coding/strict_math.h"
#include "coding/strict_network.h"
#include "numeric/random/random_stream.h"
#include "vinci/error.h"

namespace vinci::coding {

namespace {

constexpr size_t kBins = 4096;
/// A bin has two slots at least: at 2^-30 each, what q draws beside itself does not count.
constexpr int kLatentPrecision = 30;
/// Draws of the model that tell where the variables of a layer lie.
constexpr int kGridDraws = 1024;
/// What q covers may be wider than what the model draws.
constexpr double kGridMargin = 1.25;

/// The normal of n variables that a network's outputs describe: means, log scales and, where there
/// are more, the rows of the factor below its diagonal, whose diagonal the scales are. Finite
/// whatever the outputs are.
struct Normal {
  Normal(std::span<const float> outputs, size_t n) {
    for (size_t i = 0; i < n; ++i) {
      location.push_back(bounded(outputs[i], 1e9));
      log_scale.push_back(bounded(outputs[n + i], 20));
      scale.push_back(strict_exp(log_scale.back()));
    }
    for (const float o : outputs.subspan(2 * n)) below.push_back(bounded(o, 1e9));
  }
  std::vector<double> location, log_scale, scale, below;

  /// What variables before the i-th add to its location: standardised, they are eps.
  double shift(size_t i, std::span<const double> eps) const {
    double sum = 0;
    if (!below.empty())
      for (size_t j = 0; j < i; ++j) sum += below[i * (i - 1) / 2 + j] * eps[j];
    return sum;
  }
};

/// Where the bins of a layer lie: variable i is location[i] + scale[i] times the centre of its bin.
struct Grid {
  std::vector<double> location, scale;
};

/// A normal with a full covariance over the bins of N(0, 1): each variable given those before it.
class CorrelatedRow final : public RowDistribution {
 public:
  CorrelatedRow(const EqualMassBins& bins, Normal normal)
      : bins_(bins), normal_(std::move(normal)) {}
  size_t size() const override { return normal_.location.size(); }
  void push(AnsStack& stack, std::span<const uint32_t> symbols) const override {
    Walk walk(*this);
    std::vector<BinnedDistribution> elements;
    elements.reserve(size());
    for (size_t i = 0; i < size(); ++i) elements.push_back(walk.next(symbols));
    for (size_t i = size(); i-- > 0;) elements[i].push(stack, symbols[i]);
  }
  void pop(AnsStack& stack, std::span<uint32_t> symbols) const override {
    Walk walk(*this);
    for (uint32_t& symbol : symbols) symbol = static_cast<uint32_t>(walk.next(symbols).pop(stack));
  }
  double bits(std::span<const uint32_t> symbols) const override {
    Walk walk(*this);
    double sum = 0;
    for (const uint32_t symbol : symbols) sum += walk.next(symbols).bits(symbol);
    return sum;
  }

 private:
  class Walk {
   public:
    explicit Walk(const CorrelatedRow& row) : bins_(row.bins_), normal_(row.normal_) {}
    /// The next variable given those before it, which are known by now.
    BinnedDistribution next(std::span<const uint32_t> symbols) {
      if (at_ > 0)
        eps_.push_back((bins_.centre(symbols[at_ - 1]) - location_) / normal_.scale[at_ - 1]);
      location_ = bounded(normal_.location[at_] + normal_.shift(at_, eps_), 1e9);
      return {bins_, BinShape::kNormal, location_, normal_.scale[at_++], kLatentPrecision};
    }

   private:
    const EqualMassBins& bins_;
    const Normal& normal_;
    size_t at_ = 0;
    std::vector<double> eps_;  // of the variables known
    double location_ = 0;      // of the last one
  };

  const EqualMassBins& bins_;
  Normal normal_;
};

class NetworkModel final : public TableModel {
 public:
  struct Parts {
    std::string name;
    uint64_t fingerprint = 0;
    std::vector<StrictNetwork> up;    // q(z_l | z_{l-1}), z_0 = x
    std::vector<size_t> latents;      // variables of each layer
    std::vector<StrictNetwork> down;  // p(z_l | z_{l+1})
    StrictNetwork decoder;            // p(x | z_1)
    std::unique_ptr<PixelLikelihood> pixels;
    size_t num_pixels = 0;
  };

  explicit NetworkModel(Parts parts)
      : parts_(std::move(parts)),
        columns_(parts_.num_pixels, parts_.pixels->column()),
        bins_(BinShape::kNormal, kBins) {
    for (const size_t n : parts_.latents)
      grids_.push_back({std::vector<double>(n, 0.0), std::vector<double>(n, 1.0)});
    fit_grids();
  }

  std::string name() const override { return parts_.name; }
  uint64_t fingerprint() const override { return parts_.fingerprint; }
  std::string bytes() const override { return {}; }
  std::span<const Column> columns() const override { return columns_; }

  void encode(AnsStack& stack, std::span<const uint32_t> rows,
              const BitsBackOptions& options) const override {
    const Image model(*this);
    for (size_t end = rows.size(); end > 0; end -= num_columns())
      encode_bits_back(stack, model, rows.subspan(end - num_columns(), num_columns()), options);
  }
  void decode(AnsStack& stack, std::span<uint32_t> rows,
              const BitsBackOptions& options) const override {
    const Image model(*this);
    for (size_t at = 0; at < rows.size(); at += num_columns())
      decode_bits_back(stack, model, rows.subspan(at, num_columns()), options);
  }

  /// Of the model before it is quantised. Few images get several draws each, so that a chunk's
  /// estimate rests on thousands.
  double bound_bits(std::span<const uint32_t> rows, const BitsBackOptions& options,
                    uint64_t seed) const override {
    const size_t images = rows.size() / num_columns();
    if (images == 0) return 0;
    const size_t particles =
        options.scheme == Scheme::kMonteCarlo ? static_cast<size_t>(options.particles) : 1;
    const size_t draws = std::clamp<size_t>(kBoundDraws / (images * particles), 1, 64);
    numeric::RandomStream random(seed);
    double bits = 0;
    std::vector<double> weights(particles);
    for (size_t at = 0; at < rows.size(); at += num_columns()) {
      const auto x = rows.subspan(at, num_columns());
      const Normal q = up(0, input(x));
      for (size_t d = 0; d < draws; ++d) {
        for (double& w : weights) w = draw_bits(x, q, particles == 1, random);
        const double least = *std::min_element(weights.begin(), weights.end());
        double sum = 0;
        for (const double w : weights) sum += std::exp2(least - w);
        bits +=
            (least - std::log2(sum / static_cast<double>(particles))) / static_cast<double>(draws);
      }
    }
    return bits;
  }

 private:
  static constexpr size_t kBoundDraws = 8192;

  /// log2 q(z | x) - log2 p(x, z) at a draw of q; with `closed_form` and one layer, the KL instead
  /// of its estimate.
  double draw_bits(std::span<const uint32_t> x, const Normal& first, bool closed_form,
                   numeric::RandomStream& random) const {
    const size_t layers = parts_.up.size();
    std::vector<std::vector<float>> z(layers);
    double nats = 0;
    for (size_t l = 0; l < layers; ++l) {
      const Normal q = l == 0 ? first : up(l, z[l - 1]);
      std::vector<double> eps(q.location.size());
      for (size_t i = 0; i < q.location.size(); ++i) {
        eps[i] = random.normal();
        z[l].push_back(static_cast<float>(q.location[i] + q.shift(i, eps) + q.scale[i] * eps[i]));
        if (closed_form && layers == 1) {
          nats +=
              0.5 * (q.location[i] * q.location[i] + q.scale[i] * q.scale[i] - 1) - q.log_scale[i];
        } else {
          nats -= 0.5 * eps[i] * eps[i] + q.log_scale[i];  // log sqrt(2 pi) is in p too
        }
      }
      if (closed_form && layers == 1)
        for (const double f : q.below) nats += 0.5 * f * f;
    }
    if (!closed_form || layers > 1) {
      for (const float v : z.back()) nats += 0.5 * static_cast<double>(v) * v;
      for (size_t l = 0; l + 1 < layers; ++l) {
        const Normal p = down(l, z[l + 1]);
        for (size_t i = 0; i < z[l].size(); ++i) {
          const double t = (z[l][i] - p.location[i]) / p.scale[i];
          nats += 0.5 * t * t + p.log_scale[i];
        }
      }
    }
    return nats / std::log(2.0) + parts_.pixels->bits(parts_.decoder(z[0]), x);
  }

  /// q(z_{l+1} | below) and p(z_{l+1} | above), layers counted from 0.
  Normal up(size_t l, std::span<const float> below) const {
    return {parts_.up[l](below), parts_.latents[l]};
  }
  Normal down(size_t l, std::span<const float> above) const {
    return {parts_.down[l](above), parts_.latents[l]};
  }

  /// Grids of the layers below the uppermost from draws of the model, each computed alike on all
  /// machines.
  void fit_grids() {
    numeric::RandomStream random(0);
    std::vector<std::vector<float>> draws(kGridDraws);
    for (size_t l = parts_.up.size(); l-- > 0;) {
      const size_t n = grids_[l].location.size();
      std::vector<double> sum(n), square(n);
      for (std::vector<float>& z : draws) {
        const bool is_top = l + 1 == parts_.up.size();
        if (!is_top) {
          const Normal p = down(l, z);
          z.resize(n);
          for (size_t i = 0; i < n; ++i)
            z[i] = static_cast<float>(p.location[i] + p.scale[i] * bins_.centre(static_cast<size_t>(
                                                                       random.integer(kBins))));
        } else {
          z.resize(n);
          for (float& v : z)
            v = static_cast<float>(bins_.centre(static_cast<size_t>(random.integer(kBins))));
        }
        for (size_t i = 0; i < n; ++i) {
          sum[i] += z[i];
          square[i] += static_cast<double>(z[i]) * z[i];
        }
      }
      if (l + 1 == parts_.up.size()) continue;
      for (size_t i = 0; i < n; ++i) {
        const double mean = sum[i] / kGridDraws;
        const double variance = square[i] / kGridDraws - mean * mean;
        grids_[l].location[i] = mean;
        grids_[l].scale[i] = kGridMargin * std::sqrt(std::max(variance, 1e-12));
      }
    }
  }

  std::vector<float> input(std::span<const uint32_t> x) const {
    const float full = columns_[0].size == 2 ? 1.0F : 255.0F;
    std::vector<float> values(x.size());
    for (size_t i = 0; i < x.size(); ++i) values[i] = static_cast<float>(x[i]) / full;
    return values;
  }
  /// The variables of layer l (from 1) that the bins stand for.
  std::vector<float> variables(int layer, std::span<const uint32_t> bins) const {
    const Grid& grid = grids_[static_cast<size_t>(layer) - 1];
    std::vector<float> z(bins.size());
    for (size_t i = 0; i < bins.size(); ++i)
      z[i] = static_cast<float>(grid.location[i] + grid.scale[i] * bins_.centre(bins[i]));
    return z;
  }
  /// A normal over the bins of a layer.
  RowDistributionPtr binned(int layer, Normal normal) const {
    if (!normal.below.empty()) return std::make_unique<CorrelatedRow>(bins_, std::move(normal));
    const Grid& grid = grids_[static_cast<size_t>(layer) - 1];
    std::vector<double> locations(normal.location.size());
    std::vector<double> scales(locations.size());
    for (size_t i = 0; i < locations.size(); ++i) {
      locations[i] = (normal.location[i] - grid.location[i]) / grid.scale[i];
      scales[i] = normal.scale[i] / grid.scale[i];
    }
    return binned_row(bins_, BinShape::kNormal, locations, scales, kLatentPrecision);
  }

  class Image final : public LatentModel {
   public:
    explicit Image(const NetworkModel& model) : model_(model) {}
    int num_layers() const override { return static_cast<int>(model_.parts_.up.size()); }
    size_t layer_size(int layer) const override {
      return layer == 0 ? model_.num_columns()
                        : model_.grids_[static_cast<size_t>(layer) - 1].location.size();
    }
    RowDistributionPtr prior() const override {
      return uniform_row(layer_size(num_layers()), model_.bins_.log2_size());
    }
    RowDistributionPtr likelihood(int layer, std::span<const uint32_t> above) const override {
      const std::vector<float> z = model_.variables(layer + 1, above);
      if (layer == 0) return model_.parts_.pixels->row(model_.parts_.decoder(z));
      return model_.binned(layer, model_.down(static_cast<size_t>(layer) - 1, z));
    }
    RowDistributionPtr posterior(int layer, std::span<const uint32_t> below) const override {
      const std::vector<float> given =
          layer == 1 ? model_.input(below) : model_.variables(layer - 1, below);
      return model_.binned(layer, model_.up(static_cast<size_t>(layer) - 1, given));
    }

   private:
    const NetworkModel& model_;
  };

  Parts parts_;
  std::vector<Column> columns_;
  EqualMassBins bins_;
  std::vector<Grid> grids_;  // [layer from 0]
};

/// The parts of a model from the tensors of its file.
class Builder {
 public:
  Builder(const dataset::TensorFile& file, const std::string& name) : file_(file), name_(name) {}

  NetworkModel::Parts build() {
    if (file_.kind != "vae" && file_.kind != "iwae" && file_.kind != "hvae")
      fail(fmt::format(
          "holds a model of the kind `{}`; vinci compress codes with vae, iwae and hvae",
          file_.kind));
    if (file_.shape[0] != 1)
      fail(fmt::format("is of images with {} channels; vinci compress codes with models of one",
                       file_.shape[0]));
    NetworkModel::Parts parts;
    parts.num_pixels = static_cast<size_t>(file_.shape[1] * file_.shape[2]);
    try {
      const auto config = nlohmann::json::parse(file_.config);
      const auto posterior = config.value("posterior", std::string("diagonal"));
      if (posterior != "diagonal" && posterior != "full")
        fail(fmt::format("has a `{}` posterior; vinci compress codes with diagonal and full ones",
                         posterior));
      is_full_ = posterior == "full" && file_.kind != "hvae";
      const auto activation = config.at("activation").get<std::string>();
      if (!strict_activation_named(activation, activation_))
        fail(fmt::format("has the activation `{}`, which this program does not know", activation));
      const auto likelihood = config.at("likelihood").get<std::string>();
      parts.pixels = make_pixel_likelihood(likelihood, config.value("components", size_t{1}));
      if (parts.pixels == nullptr)
        fail(
            fmt::format("has the likelihood `{}`, which has no masses that could be coded; train "
                        "with bernoulli, beta-binomial or logistic-mixture",
                        likelihood));
      identity_ += fmt::format("{} {} {} {} ", file_.kind, activation, likelihood,
                               parts.pixels->outputs_per_pixel());
      const auto hidden = config.at("hidden").get<std::vector<size_t>>();
      if (file_.kind == "hvae") {
        const auto latents = config.at("latents").get<std::vector<size_t>>();
        const size_t upper = config.at("upper-hidden").get<std::vector<size_t>>().size();
        if (latents.empty() || latents.size() > kMaxLayers) fail("has no latent variables");
        for (size_t l = 0; l < latents.size(); ++l) {
          const std::string up = fmt::format("up{}", l + 1);
          parts.up.push_back(network(up, l == 0 ? hidden.size() : upper, up + ".parameters"));
          if (l + 1 == latents.size()) break;
          const std::string down = fmt::format("down{}", l + 1);
          parts.down.push_back(network(down, upper, down + ".parameters"));
        }
        parts.name = fmt::format("hvae:{}", fmt::join(latents, ","));
      } else {
        parts.up.push_back(network("encoder", hidden.size(), "posterior"));
        parts.name = fmt::format("{}:{}", file_.kind, config.at("latent").get<size_t>());
      }
      parts.decoder = network("decoder", hidden.size(), "outputs");
    } catch (const nlohmann::json::exception& error) {
      fail(fmt::format("has settings that are not those of its kind ({})", error.what()));
    }
    check(parts);
    parts.fingerprint = hash_bytes(identity_);
    return parts;
  }

 private:
  static constexpr size_t kMaxLayers = 64;

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Error::Kind::kInput, fmt::format("The file `{}` {}.", name_, what));
  }

  std::vector<float> numbers(const std::string& tensor_name, size_t rank) {
    const dataset::NamedTensor* tensor = file_.find("model/" + tensor_name);
    if (tensor == nullptr) fail(fmt::format("lacks the tensor `{}`", tensor_name));
    if (tensor->type != dataset::TensorType::kFloat32 || tensor->sizes.size() != rank ||
        tensor->num_elements() == 0)
      fail(fmt::format("has a tensor `{}` of another type or shape than a network's", tensor_name));
    std::vector<float> values(tensor->num_elements());
    std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
    for (const float v : values)
      if (!std::isfinite(v))
        fail(fmt::format("has a number in `{}` that is not finite", tensor_name));
    identity_ += tensor_name + ' ' + tensor->bytes;
    return values;
  }

  StrictLayer layer(const std::string& layer_name) {
    const auto weight = numbers(layer_name + ".weight", 2);
    const auto bias = numbers(layer_name + ".bias", 1);
    const auto& sizes = file_.find("model/" + layer_name + ".weight")->sizes;
    if (static_cast<size_t>(sizes[0]) != bias.size())
      fail(fmt::format("has a weight and a bias of `{}` that do not fit", layer_name));
    return {weight, bias};
  }

  StrictNetwork network(const std::string& hidden_name, size_t hidden, const std::string& last) {
    std::vector<StrictLayer> layers;
    for (size_t l = 0; l <= hidden; ++l) {
      layers.push_back(layer(l < hidden ? fmt::format("{}.{}", hidden_name, l) : last));
      if (l > 0 && layers[l].inputs() != layers[l - 1].outputs())
        fail(fmt::format("has layers before `{}` that do not fit one another", last));
    }
    return {std::move(layers), activation_};
  }

  /// Fills in the numbers of latent variables.
  void check(NetworkModel::Parts& parts) const {
    const auto require = [&](bool fits) {
      if (!fits) fail("has networks that do not fit one another or its images");
    };
    require(parts.up[0].inputs() == parts.num_pixels);
    require(parts.decoder.outputs() == parts.num_pixels * parts.pixels->outputs_per_pixel());
    for (size_t l = 0; l < parts.up.size(); ++l)
      parts.latents.push_back(l == 0 ? parts.decoder.inputs() : parts.up[l].outputs() / 2);
    for (size_t l = 0; l < parts.up.size(); ++l) {
      const size_t n = parts.latents[l];
      require(parts.up[l].outputs() == 2 * n + (is_full_ ? n * (n - 1) / 2 : 0));
      if (l > 0) require(parts.up[l].inputs() == parts.latents[l - 1]);
      if (l + 1 == parts.up.size()) break;
      require(parts.down[l].inputs() == parts.latents[l + 1]);
      require(parts.down[l].outputs() == 2 * n);
    }
  }

  const dataset::TensorFile& file_;
  const std::string& name_;
  StrictActivation activation_ = StrictActivation::kTanh;
  bool is_full_ = false;
  std::string identity_ = "network 1 ";  // the version of how codes follow from numbers counts too
};

}  // namespace

TableModelPtr make_network_model(const dataset::TensorFile& file, const std::string& name) {
  return std::make_shared<NetworkModel>(Builder(file, name).build());
}

}  // namespace vinci::coding
