#include "deep/models/quantiser.h"

#include <cmath>

#include "vinci/error.h"

namespace vinci::deep {

void Quantiser::prepare(const Tensor&, Noise&) {}
void Quantiser::update(const Tensor&, const Tensor&, Noise&) {}

namespace {

/// The nearest of K learned vectors  [van den Oord, Vinyals, Kavukcuoglu 2017, eq. (1)-(3)]. The
/// codebook follows a gradient, or is a running mean of the vectors that chose each code [appendix
/// A.1]; a code whose share falls below a part of 1 / K is put on a vector of the batch.
class VectorQuantiser : public Quantiser {
 public:
  VectorQuantiser(const Config& config, Parameters& parameters, Noise& initial)
      : codes_(config.integer("codes")),
        dimension_(config.integer("code-dimension")),
        by_gradient_(config.text("codebook-update") == "gradient"),
        decay_(config.number("codebook-decay")),
        commitment_(config.number("commitment")),
        restart_(config.number("restart")) {
    parameters.reserve({codes_, dimension_});
    const Tensor start = initial.normal({codes_, dimension_});
    codebook_ = by_gradient_ ? parameters.add("codebook", start, ParameterGroup::kModel)
                             : parameters.add_buffer("codebook", start);
    parameters.reserve({codes_, dimension_ + 2});
    // Share of each code over the last steps; all 0: the codebook has not seen a vector.
    share_ = parameters.add_buffer("codebook.share", at::zeros({codes_}));
    sum_ = parameters.add_buffer("codebook.sum", at::zeros({codes_, dimension_}));
  }

  int64_t dimension() const override { return dimension_; }
  int64_t num_codes() const override { return codes_; }

  Result quantise(const Tensor& vectors) const override {
    const Tensor indices = nearest(vectors);
    const Tensor chosen = codebook_.index_select(0, indices);
    Result result;
    result.indices = indices;
    result.values = vectors + (chosen - vectors).detach();
    result.loss = commitment_ * (vectors - chosen.detach()).square().sum(-1);
    if (by_gradient_) result.loss = result.loss + (vectors.detach() - chosen).square().sum(-1);
    return result;
  }
  Tensor values(const Tensor& indices) const override {
    std::vector<int64_t> sizes = indices.sizes().vec();
    sizes.push_back(dimension_);
    return codebook_.index_select(0, indices.reshape({-1})).reshape(sizes);
  }

  void prepare(const Tensor& vectors, Noise& noise) override {
    WithoutGradient scope;
    if (share_.sum().item<float>() > 0) return;
    codebook_.copy_(picks(vectors, codes_, noise));
    share_.fill_(1.0 / static_cast<double>(codes_));
    sum_.copy_(codebook_ / static_cast<double>(codes_));
  }

  void update(const Tensor& vectors, const Tensor& indices, Noise& noise) override {
    WithoutGradient scope;
    const auto count = static_cast<double>(vectors.size(0));
    const Tensor chosen = at::bincount(indices, {}, codes_).to(at::kFloat) / count;
    share_.mul_(decay_).add_(chosen, 1 - decay_);
    if (!by_gradient_) {
      const Tensor sums = at::zeros_like(sum_).index_add_(0, indices, vectors) / count;
      sum_.mul_(decay_).add_(sums, 1 - decay_);
      codebook_.copy_(sum_ / share_.clamp_min(1e-10).unsqueeze(1));
    }
    if (restart_ == 0) return;
    const double fair = 1.0 / static_cast<double>(codes_);
    const Tensor dead = share_.lt(restart_ * fair).nonzero().reshape({-1});
    if (dead.numel() == 0) return;
    const Tensor placed = picks(vectors, dead.numel(), noise);
    codebook_.index_copy_(0, dead, placed);
    sum_.index_copy_(0, dead, placed * fair);
    share_.index_fill_(0, dead, fair);
  }

 private:
  /// argmin_k |v - e_k|^2 = argmin_k |e_k|^2 - 2 v'e_k.
  Tensor nearest(const Tensor& vectors) const {
    WithoutGradient scope;
    return at::addmm(codebook_.square().sum(1), vectors, codebook_.t(), 1, -2).argmin(1);
  }
  /// `count` of the vectors, drawn with replacement, and moved by a hundredth of their spread so
  /// that no two are the same.
  Tensor picks(const Tensor& vectors, int64_t count, Noise& noise) const {
    const int64_t rows = vectors.size(0);
    const Tensor which =
        (noise.uniform({count}) * static_cast<double>(rows)).to(at::kLong).clamp(0, rows - 1);
    const Tensor spread = (vectors - vectors.mean(0)).square().mean(0).sqrt() * 0.01;
    return vectors.index_select(0, which) + spread * noise.normal({count, dimension_});
  }

  int64_t codes_;
  int64_t dimension_;
  bool by_gradient_;
  double decay_;
  double commitment_;
  double restart_;
  Tensor codebook_;  // [K, D]
  Tensor share_;     // [K]
  Tensor sum_;       // [K, D]: running mean over steps of the sum of the vectors of each code / N
};

/// Each number is rounded to one of a few levels; the codes are all their combinations.
/// [Mentzer, Minnen, Agustsson, Tschannen 2024, sec. 3.1]
class FiniteScalarQuantiser : public Quantiser {
 public:
  FiniteScalarQuantiser(const Config& config, Parameters& parameters)
      : levels_(config.integers("levels")) {
    const at::Device device = parameters.device();
    double product = 1;
    for (const int64_t level : levels_) product *= static_cast<double>(level);
    if (levels_.empty() || product > 65536)
      throw Error(Error::Kind::kUsage,
                  "`levels` gives " + std::to_string(static_cast<int64_t>(product)) +
                      " codes; it is a list of whole numbers whose product is at most 65536.");
    std::vector<float> half, offset, shift;
    std::vector<int64_t> base;
    for (const int64_t level : levels_) {
      base.push_back(codes_);
      codes_ *= level;
      const float wide = static_cast<float>(level - 1) / 2 * 1.001f;
      half.push_back(wide);
      // An even number of levels lies around a half.
      offset.push_back(level % 2 == 0 ? 0.5f : 0.0f);
      shift.push_back(std::atanh(offset.back() / wide));
    }
    const auto on_device = [&](const Tensor& t) { return t.to(device); };
    half_ = on_device(at::tensor(half));
    offset_ = on_device(at::tensor(offset));
    shift_ = on_device(at::tensor(shift));
    base_ = on_device(at::tensor(base));
    level_ = on_device(at::tensor(levels_));
    centre_ = parameters.add_buffer("levels.centre", at::zeros({dimension()}));
    variance_ = parameters.add_buffer("levels.variance", at::zeros({dimension()}));
  }

  int64_t dimension() const override { return static_cast<int64_t>(levels_.size()); }
  int64_t num_codes() const override { return codes_; }

  Result quantise(const Tensor& vectors) const override {
    const Tensor bounded = (standard(vectors) + shift_).tanh() * half_ - offset_;
    const Tensor rounded = bounded.detach().round();
    Result result;
    result.indices = ((rounded.to(at::kLong) + middle()) * base_).sum(-1);
    // Levels lie on [-1, 1] about.
    result.values = (bounded + (rounded - bounded).detach()) / scale();
    result.loss = at::zeros({vectors.size(0)}, vectors.options());
    return result;
  }
  Tensor values(const Tensor& indices) const override {
    const Tensor digits =
        at::remainder(at::floor_divide(indices.unsqueeze(-1), base_), level_) - middle();
    return digits.to(at::kFloat) / scale();
  }

  void prepare(const Tensor& vectors, Noise&) override {
    WithoutGradient scope;
    if (variance_.sum().item<float>() > 0) return;
    centre_.copy_(vectors.mean(0));
    variance_.copy_((vectors - centre_).square().mean(0));
  }
  void update(const Tensor& vectors, const Tensor&, Noise&) override {
    WithoutGradient scope;
    const Tensor centre = vectors.mean(0);
    centre_.mul_(kFollow).add_(centre, 1 - kFollow);
    variance_.mul_(kFollow).add_((vectors - centre).square().mean(0), 1 - kFollow);
  }

 private:
  /// Running mean and deviation over the last steps come out as 0 and 1. The vectors of an
  /// untrained encoder are so near to one another that all would have one code; and what moves them
  /// all at once, as the first steps do, would drive them to the last levels, where there is no
  /// gradient.
  static constexpr double kFollow = 0.95;
  Tensor standard(const Tensor& vectors) const {
    // Before the first batch: as they are.
    const Tensor variance = variance_ + variance_.eq(0).to(at::kFloat);
    return (vectors - centre_) * variance.clamp_min(1e-12).rsqrt();
  }
  Tensor middle() const { return at::floor_divide(level_, 2); }
  Tensor scale() const { return at::floor_divide(level_, 2).to(at::kFloat); }

  std::vector<int64_t> levels_;
  int64_t codes_ = 1;
  Tensor half_, offset_, shift_;  // [D]
  Tensor base_, level_;           // int64 [D]
  Tensor centre_, variance_;      // [D], of the encoder's vectors
};

}  // namespace

std::span<const Setting> quantiser_settings() {
  static const std::vector<Setting> settings = {
      {.name = "quantiser",
       .value = std::string("vq"),
       .help = "vq: the nearest of learned vectors; fsq: each number rounded to a few levels",
       .choices = {"vq", "fsq"}},
      {.name = "codes",
       .value = int64_t{128},
       .help = "vectors of the codebook of vq",
       .minimum = 2,
       .maximum = 65536},
      {.name = "code-dimension",
       .value = int64_t{16},
       .help = "numbers of a vector of vq",
       .minimum = 1,
       .maximum = 4096},
      {.name = "codebook-update",
       .value = std::string("ema"),
       .help = "how the codebook of vq follows: by running means or by the gradient",
       .choices = {"ema", "gradient"}},
      {.name = "codebook-decay",
       .value = 0.99,
       .help = "of the running means",
       .minimum = 0,
       .maximum = 0.999999},
      {.name = "commitment",
       .value = 0.25,
       .help = "weight of the distance from the encoder's vectors to their codes",
       .minimum = 0,
       .maximum = 1e6},
      {.name = "restart",
       .value = 0.03,
       .help = "a code of vq chosen less often than this part of its fair share is put on a vector "
               "of the batch; 0: never",
       .minimum = 0,
       .maximum = 0.5},
      {.name = "levels",
       .value = std::vector<int64_t>{8, 6, 5},
       .help = "of each number of fsq",
       .minimum = 2,
       .maximum = 1024},
  };
  return settings;
}

std::unique_ptr<Quantiser> make_quantiser(const Config& config, Parameters& parameters,
                                          Noise& initial) {
  if (config.text("quantiser") == "fsq")
    return std::make_unique<FiniteScalarQuantiser>(config, parameters);
  return std::make_unique<VectorQuantiser>(config, parameters, initial);
}

}  // namespace vinci::deep
