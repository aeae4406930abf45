#include "deep/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "deep/core/functions.h"

namespace vinci::deep {
namespace {

/// Rows of the decoder in one piece.
constexpr int64_t kRows = 4000;

struct Mean {
  double sum = 0, squares = 0;
  int64_t count = 0;
  void add(const Tensor& values) {
    const Tensor doubles = values.to(at::kDouble);
    sum += doubles.sum().item<double>();
    squares += doubles.square().sum().item<double>();
    count += values.numel();
  }
  double mean() const { return sum / static_cast<double>(count); }
  double error() const {
    if (count < 2) return std::numeric_limits<double>::quiet_NaN();
    const auto n = static_cast<double>(count);
    const double variance = std::max(0.0, squares / n - mean() * mean()) * n / (n - 1);
    return std::sqrt(variance / n);
  }
};

}  // namespace

Evaluation evaluate(Model& model, const Feed& feed, int64_t samples, uint64_t seed,
                    const Context& context, const GapRequest& gap) {
  WithoutGradient scope;
  Evaluation result;
  result.samples = samples;
  const int64_t batch_size = std::max<int64_t>(1, std::min<int64_t>(100, kRows / samples));
  const int64_t piece = std::max<int64_t>(1, std::min(samples, kRows / batch_size));
  std::vector<int64_t> ks;
  for (const int64_t k : {1, 5, 50, 500, 5000})
    if (k < samples) ks.push_back(k);
  std::vector<Mean> bounds(ks.size());
  Mean elbo, log_p, kl;
  Mean gaps;
  std::vector<std::pair<std::string, Mean>> figures;
  Tensor code_use;
  Tensor code_sum, code_squares;
  std::vector<double> ess;
  const auto started = std::chrono::steady_clock::now();

  for (int64_t start = 0; start < feed.size(); start += batch_size) {
    if (context.cancelled()) {
      result.cancelled = true;
      break;
    }
    const int64_t count = std::min(batch_size, feed.size() - start);
    Noise noise(seed, NoiseStream::kEvaluation, static_cast<uint64_t>(start),
                model.parameters().device());
    const Batch batch = feed.range(start, count, noise);
    std::vector<Tensor> pieces;
    for (int64_t done = 0; done < samples; done += piece)
      pieces.push_back(model.log_weights(batch, std::min(piece, samples - done), noise));
    const Tensor weights = at::cat(pieces, 0).to(at::kDouble);
    elbo.add(weights.mean(0));
    log_p.add(log_mean_exp(weights));
    for (size_t i = 0; i < ks.size(); ++i) bounds[i].add(log_mean_exp(weights.slice(0, 0, ks[i])));
    const Tensor normal = weights.softmax(0);
    const Tensor sizes = normal.square().sum(0).reciprocal().cpu();
    for (int64_t i = 0; i < count; ++i) ess.push_back(sizes[i].item<double>());
    const Tensor divergence = model.kl(batch, noise);
    if (divergence.defined()) kl.add(divergence);
    const auto further = model.figures(batch, noise);
    figures.resize(further.size());
    for (size_t i = 0; i < further.size(); ++i) {
      figures[i].first = further[i].first;
      figures[i].second.add(further[i].second);
    }
    const Tensor use = model.code_use(batch);
    if (use.defined()) code_use = code_use.defined() ? code_use + use : use;
    if (const int64_t wanted = std::min(count, gap.images - start); wanted > 0) {
      const Batch few = {batch.x.slice(0, 0, wanted),
                         batch.labels.defined() ? batch.labels.slice(0, 0, wanted) : Tensor()};
      const Tensor lost = model.amortisation_gap(few, gap.steps, noise);
      if (lost.defined()) gaps.add(lost);
    }
    const Tensor code = model.encode(batch, noise).to(at::kDouble);
    const Tensor flat = code.reshape({count, -1});
    if (!code_sum.defined()) {
      code_sum = at::zeros_like(flat[0]);
      code_squares = at::zeros_like(flat[0]);
    }
    code_sum += flat.sum(0);
    code_squares += flat.square().sum(0);

    Progress progress;
    progress.stage = "evaluate";
    progress.fraction = static_cast<double>(start + count) / static_cast<double>(feed.size());
    progress.elbo = log_p.mean();
    progress.elapsed_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    context.progress(progress);
  }
  result.images = log_p.count;
  if (result.images == 0) return result;
  result.elbo = elbo.mean();
  result.elbo_error = elbo.error();
  result.log_p = log_p.mean();
  result.log_p_error = log_p.error();
  for (size_t i = 0; i < ks.size(); ++i) result.bounds.emplace_back(ks[i], bounds[i].mean());
  result.kl = kl.count > 0 ? kl.mean() : std::numeric_limits<double>::quiet_NaN();
  for (const auto& [name, mean] : figures) result.figures.emplace_back(name, mean.mean());
  if (code_use.defined()) {
    const Tensor share = code_use.to(at::kDouble) / code_use.sum().to(at::kDouble);
    result.codes = code_use.numel();
    result.codes_used = code_use.gt(0).sum().item<int64_t>();
    result.perplexity = std::exp(-at::xlogy(share, share).sum().item<double>());
  }
  result.gap_images = gaps.count;
  if (gaps.count > 0) {
    result.amortisation_gap = gaps.mean();
    result.amortisation_gap_error = gaps.error();
  }
  const auto n = static_cast<double>(result.images);
  const Tensor variance = code_squares / n - (code_sum / n).square();
  result.latent = variance.numel();
  result.active = variance.gt(0.01).sum().item<int64_t>();
  std::nth_element(ess.begin(), ess.begin() + static_cast<int64_t>(ess.size() / 2), ess.end());
  result.ess = ess[ess.size() / 2];
  return result;
}

}  // namespace vinci::deep
