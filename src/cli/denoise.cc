// vinci denoise: a clean image from a noisy one, by mean field, ICM or belief propagation on an
// Ising or Potts field.
#include "lattice/denoise.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cli/command.h"
#include "draws/atomic_file.h"
#include "image/image.h"
#include "image/plot.h"
#include "report/format.h"
#include "report/progress_bar.h"
#include "report/terminal.h"
#include "vinci/error.h"

namespace vinci::cli {

namespace {

using image::Image;
using lattice::DenoiseResult;
using lattice::Method;
using lattice::NoiseKind;

[[noreturn]] void wrong(const std::string& message) { throw Error(Error::Kind::kUsage, message); }

/// All of `text` as a number, NaN and infinity not among them.
std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

struct NoiseChoice {
  NoiseKind kind;
  double value;
};

/// `gaussian:SIGMA` or `flip:P`.
NoiseChoice parse_noise(const std::string& option, const std::string& text, const char* others) {
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const auto value = colon == std::string::npos
                         ? std::nullopt
                         : number_of(std::string_view(text).substr(colon + 1));
  if ((kind == "gaussian" || kind == "flip") && value)
    return {kind == "flip" ? NoiseKind::kFlip : NoiseKind::kGaussian, *value};
  wrong(fmt::format(
      "`{} {}`: expected `gaussian:SIGMA` with SIGMA a number (the levels are at -1 and "
      "+1), `flip:P` with P a probability{}.",
      option, text, others));
}

lattice::Pixels pixels_of(const Image& image) {
  return {image.width, image.height, image.channels, image.pixels.data()};
}

/// What --trace collects.
struct Trace {
  std::vector<double> sweeps, bounds, errors;
  std::vector<Image> frames;
};

struct DenoiseCommand {
  std::string noisy;
  std::string output;
  std::string mean;
  std::string truth;
  std::string trace;
  std::string noise = "unknown";
  std::string added;
  std::string range;
  std::string coupling = "0.7";
  std::string method = "meanfield";
  std::string schedule = "checkerboard";
  lattice::DenoiseOptions options;
  int levels = 0;
  int threads = 0;
  uint64_t seed = 1;
  bool json = false;
  bool quiet = false;

  int run();

 private:
  void read_options();
  Image read(const std::string& path, bool as_grey);
  std::optional<Image> read_truth(const Image& like);
  int write_noisy(const Image& clean) const;
  void observe(const lattice::DenoiseStep& step, const Image& like,
               const std::optional<Image>& clean, numeric::ThreadPool& pool, Trace& into) const;
  void write_trace(const Trace& collected, const Image& last) const;
  void print(const Image& image, const DenoiseResult& result, const std::optional<Image>& clean,
             double seconds) const;
  std::string json_of(const Image& image, const DenoiseResult& result,
                      const std::optional<Image>& clean, double seconds) const;

  Run run_;
  image::Conversions conversions_;
};

void write_png(const std::string& path, const Image& image) {
  const std::string bytes = image::encode_png(image);
  draws::write_file_atomically(path, [&](draws::FileWriter& out) { out.write(bytes); });
}

void check_png_name(const std::string& option, const std::string& path) {
  std::string ending = std::filesystem::path(path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* other :
       {".bmp", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".webp"}) {
    if (ending == other) {
      wrong(fmt::format("`{} {}`: images are written as PNG; give a name that ends with .png.",
                        option, path));
    }
  }
}

void DenoiseCommand::read_options() {
  if (!range.empty()) {
    const size_t colon = std::min(range.find(':'), range.size());
    const auto low = number_of(std::string_view(range).substr(0, colon));
    const auto high = number_of(std::string_view(range).substr(std::min(colon + 1, range.size())));
    options.low = low.value_or(-1);
    options.high = high.value_or(-1);
    if (!(options.low >= 0 && options.low < options.high && options.high <= 255)) {
      wrong(fmt::format("`--range {}`: expected LOW:HIGH, grey values with 0 <= LOW < HIGH <= 255.",
                        range));
    }
  }
  if (noise != "unknown") {
    const NoiseChoice choice = parse_noise("--noise", noise, ", or `unknown`");
    options.noise = choice.kind;
    options.noise_value = choice.value;
  }
  if (coupling == "learn") {
    options.learn_coupling = true;
  } else if (const auto value = number_of(coupling)) {
    options.coupling = *value;
  } else {
    wrong(fmt::format("`--coupling {}`: expected a number, at least 0, or `learn`.", coupling));
  }
  options.levels = levels == 0 ? 2 : levels;
  options.sweeps.method = method == "icm"    ? Method::kIcm
                          : method == "tree" ? Method::kTree
                                             : Method::kMeanField;
  options.sweeps.schedule = schedule == "simultaneous" ? lattice::Schedule::kSimultaneous
                                                       : lattice::Schedule::kCheckerboard;
  options.validate();
  check_png_name("--output", output);
  if (!mean.empty()) check_png_name("--mean", mean);
  if (output.empty() && added.empty() && !json && quiet)
    wrong("There is nothing to write: give --output FILE.");
}

Image DenoiseCommand::read(const std::string& path, bool as_grey) {
  auto image = image::read_image(path, run_.sink, &conversions_);
  ProgramOptions plain;
  run_.report(plain);
  if (!image) return {};
  return as_grey ? image::to_grey(*image) : std::move(*image);
}

/// The clean picture, of the form of `like`; an image without pixels where it cannot be had.
std::optional<Image> DenoiseCommand::read_truth(const Image& like) {
  if (truth.empty()) return std::nullopt;
  Image image = read(truth, like.channels == 1);
  if (image.pixels.empty()) return image;
  if (image.width != like.width || image.height != like.height) {
    run_.sink.error(
        source::DiagnosticKind::kImageSize, {},
        fmt::format("the image `{}` of --truth is {} by {} pixels, and `{}` {} by {}; they "
                    "have to be of one size",
                    truth, image.width, image.height, noisy, like.width, like.height));
    run_.report({});
    return Image{};
  }
  if (image.channels < like.channels) {
    Image colour{image.width, image.height, 3, {}};
    for (const uint8_t v : image.pixels) colour.pixels.insert(colour.pixels.end(), 3, v);
    image = std::move(colour);
  }
  return image;
}

int DenoiseCommand::write_noisy(const Image& clean) const {
  const NoiseChoice choice = parse_noise("--add-noise", added, "");
  const int of_levels = clean.channels == 3 ? 0 : options.levels;
  lattice::DenoiseOptions check = options;
  check.noise = choice.kind;
  check.noise_value = choice.value;
  check.validate();
  if (clean.channels == 3 && choice.kind == NoiseKind::kFlip)
    wrong("`--add-noise flip` takes grey images: without --levels, colours become grey.");
  if (output.empty()) wrong("`--add-noise` needs a name for the noisy image: --output FILE.");
  Image noisy_image{clean.width, clean.height, clean.channels,
                    lattice::add_noise(pixels_of(clean), choice.kind, choice.value, of_levels,
                                       options.low, options.high, seed)};
  write_png(output, noisy_image);
  if (quiet) return kExitDone;
  size_t clipped = 0;
  for (const uint8_t v : noisy_image.pixels) clipped += v == 0 || v == 255 ? 1 : 0;
  const double share =
      static_cast<double>(clipped) / static_cast<double>(noisy_image.pixels.size());
  fmt::print("{}: {} by {} pixels with {} noise, seed {}\n", output, clean.width, clean.height,
             added, seed);
  if (choice.kind == NoiseKind::kGaussian && share > 0.05) {
    // Three deviations beyond each level fit: c (1 + 3 sigma) = 127.5.
    const double half = 127.5 / (1 + 3 * choice.value);
    fmt::print(
        "{:.0f} % of the values are black or white, some of them clipped; --range {:.0f}:{:.0f}, "
        "here "
        "and when denoising, keeps the noise whole.\n",
        100 * share, std::ceil(127.5 - half), std::floor(127.5 + half));
  }
  return kExitDone;
}

/// Smaller by a whole factor, averaged.
Image shrunk(const Image& image, int factor) {
  if (factor <= 1) return image;
  Image out{(image.width + factor - 1) / factor,
            (image.height + factor - 1) / factor,
            image.channels,
            {}};
  for (int row = 0; row < out.height; ++row) {
    for (int column = 0; column < out.width; ++column) {
      for (int c = 0; c < out.channels; ++c) {
        int sum = 0, count = 0;
        for (int r = row * factor; r < std::min((row + 1) * factor, image.height); ++r) {
          for (int k = column * factor; k < std::min((column + 1) * factor, image.width);
               ++k, ++count)
            sum += image.pixels[(static_cast<size_t>(r) * static_cast<size_t>(image.width) +
                                 static_cast<size_t>(k)) *
                                    static_cast<size_t>(image.channels) +
                                static_cast<size_t>(c)];
        }
        out.pixels.push_back(static_cast<uint8_t>((sum + count / 2) / count));
      }
    }
  }
  return out;
}

// A strip has the start, sweeps 1, 2, 4, ... up to this, and the end.
constexpr int kLastFrameSweep = 32;
constexpr int kMaxFrames = 8;
constexpr int kStripWidth = 2400;

int frame_factor(const Image& image) {
  return (image.width * kMaxFrames + kStripWidth - 1) / kStripWidth;
}

void DenoiseCommand::observe(const lattice::DenoiseStep& step, const Image& like,
                             const std::optional<Image>& clean, numeric::ThreadPool& pool,
                             Trace& into) const {
  into.sweeps.push_back(step.sweep);
  into.bounds.push_back(step.elbo);
  if (clean) {
    into.errors.push_back(100 *
                          lattice::error_rate(lattice::labels_of(step.q),
                                              lattice::labels_of(pixels_of(*clean), step.palette)));
  }
  const bool is_power = (step.sweep & (step.sweep - 1)) == 0;
  if (is_power && step.sweep <= kLastFrameSweep) {
    const Image frame{like.width, like.height, like.channels,
                      lattice::mean_colour(step.q, step.palette, like.channels, pool)};
    into.frames.push_back(shrunk(frame, frame_factor(like)));
  }
}

void DenoiseCommand::write_trace(const Trace& collected, const Image& last) const {
  std::vector<Image> frames = collected.frames;
  frames.push_back(shrunk(last, frame_factor(last)));
  // Four grey columns between two frames.
  constexpr int kGap = 4;
  Image strip{0, frames[0].height, last.channels, {}};
  for (size_t i = 0; i < frames.size(); ++i) strip.width += frames[i].width + (i > 0 ? kGap : 0);
  const auto channels = static_cast<size_t>(strip.channels);
  for (int row = 0; row < strip.height; ++row) {
    for (size_t i = 0; i < frames.size(); ++i) {
      if (i > 0) strip.pixels.insert(strip.pixels.end(), kGap * channels, 128);
      const size_t row_bytes = static_cast<size_t>(frames[i].width) * channels;
      const uint8_t* from = frames[i].pixels.data() + static_cast<size_t>(row) * row_bytes;
      strip.pixels.insert(strip.pixels.end(), from, from + row_bytes);
    }
  }
  std::error_code error;
  std::filesystem::create_directories(trace, error);
  if (error) {
    throw Error(Error::Kind::kIo, fmt::format("The directory `{}` of --trace cannot be made: {}.",
                                              trace, error.message()));
  }
  const std::filesystem::path folder = trace;
  write_png((folder / "iterations.png").string(), strip);
  std::vector<image::Plot> plots(1);
  plots[0].title = "ELBO, nats";
  plots[0].series = {{"", collected.sweeps, collected.bounds}};
  if (!collected.errors.empty()) {
    plots.emplace_back();
    plots[1].title = "error, % of pixels";
    plots[1].series = {{"", collected.sweeps, collected.errors}};
  }
  plots.back().x_label = "sweep";
  for (image::Plot& plot : plots) plot.height = 280;
  const std::string svg = image::plot_drawing(plots).to_svg();
  draws::write_file_atomically((folder / "bound.svg").string(),
                               [&](draws::FileWriter& out) { out.write(svg); });
  draws::write_file_atomically((folder / "trace.csv").string(), [&](draws::FileWriter& out) {
    out.write(collected.errors.empty() ? "sweep,elbo\n" : "sweep,elbo,error_percent\n");
    for (size_t i = 0; i < collected.sweeps.size(); ++i) {
      out.write_number(collected.sweeps[i]);
      out.write(",");
      out.write_number(collected.bounds[i]);
      if (!collected.errors.empty()) {
        out.write(",");
        out.write_number(collected.errors[i]);
      }
      out.write("\n");
    }
  });
}

const char* verdict_name(DenoiseResult::Verdict verdict) {
  return verdict == DenoiseResult::Verdict::kGood     ? "good"
         : verdict == DenoiseResult::Verdict::kUsable ? "usable"
                                                      : "bad";
}

const char* method_name(const lattice::SweepOptions& sweeps) {
  return sweeps.method == Method::kIcm         ? "iterated conditional modes"
         : sweeps.method == Method::kMeanField ? "mean field"
         : sweeps.tree_weight == 1             ? "belief propagation"
                                               : "tree-reweighted propagation";
}

/// Errors against the truth.
struct Scores {
  double noisy_error, error, psnr, mean_psnr;
};

Scores scores_of(const DenoiseResult& result, const Image& clean) {
  const auto truth_labels = lattice::labels_of(pixels_of(clean), result.palette);
  // Two grey levels are black and white: so is their truth.
  const std::vector<uint8_t> truth_bytes = result.palette.size() == 2
                                               ? lattice::colour_of(truth_labels, result.palette, 1)
                                               : clean.pixels;
  const auto bytes = lattice::colour_of(result.labels, result.palette, result.channels);
  return {lattice::error_rate(result.labels_alone, truth_labels),
          lattice::error_rate(result.labels, truth_labels), lattice::psnr(bytes, truth_bytes),
          lattice::psnr(result.mean, truth_bytes)};
}

std::string noise_text(const DenoiseResult& result, bool learned) {
  std::string text;
  if (result.noise_kind == NoiseKind::kFlip) {
    text = fmt::format("flips with probability {:.4g}", result.noise_value);
  } else {
    text =
        fmt::format("Gaussian, deviation {:.4g} with the levels at -1 and +1 ({:.3g} grey values)",
                    result.noise_value, result.sigma);
  }
  return text + (learned ? ", learned" : "");
}

void DenoiseCommand::print(const Image& image, const DenoiseResult& result,
                           const std::optional<Image>& clean, double seconds) const {
  fmt::print("{}: {} by {} pixels, {}; {} levels, {} neighbours, coupling {:.4g}{}\n", noisy,
             image.width, image.height, image.channels == 1 ? "grey" : "colour", options.levels,
             result.neighbours, result.coupling, options.learn_coupling ? ", learned" : "");
  for (const std::string& text : conversions_) fmt::print("           {}\n", text);
  fmt::print("noise      {}\n", noise_text(result, !options.noise));
  if (result.noise_kind == NoiseKind::kGaussian && result.channels == 1 && options.levels <= 8) {
    std::string values;
    for (const double v : result.level_values) values += fmt::format(" {:.4g}", v);
    fmt::print("levels     grey values{}\n", values);
  }
  fmt::print("method     {}, {} in {}, {} (largest change {:.2g})\n", method_name(options.sweeps),
             report::plural(result.sweeps, "sweep"), report::duration_text(seconds),
             result.converged ? "converged" : "not converged", result.change);
  fmt::print("bound      ELBO {:.1f}", result.elbo);
  if (std::isfinite(result.log_evidence)) {
    const double most = result.neighbours == 8 ? 0.25 : 0.5;
    fmt::print(", log evidence {} {:.1f}",
               options.sweeps.tree_weight <= most ? "at most" : "estimated at",
               result.log_evidence);
  }
  if (std::isfinite(result.prior_constant)) {
    fmt::print("; less the prior's constant {:.1f}: {:.1f}", result.prior_constant,
               result.elbo - result.prior_constant);
  }
  fmt::print("\nexpected   {:.3g} % of pixels wrong, {:.3g} % undecided (below 3 to 1)\n",
             100 * result.expected_error, 100 * result.undecided);
  if (clean) {
    const Scores scores = scores_of(result, *clean);
    fmt::print(
        "truth      {:.3g} % of pixels wrong, {:.3g} % without the field; PSNR {:.2f} dB, of the "
        "mean "
        "image {:.2f} dB\n",
        100 * scores.error, 100 * scores.noisy_error, scores.psnr, scores.mean_psnr);
  }
  fmt::print("verdict: {}\n", verdict_name(result.verdict));
  for (const std::string& reason : result.reasons)
    fmt::print("{}", report::wrapped("  - ", reason, 100));
  if (!output.empty()) fmt::print("image: {}\n", output);
}

std::string DenoiseCommand::json_of(const Image& image, const DenoiseResult& result,
                                    const std::optional<Image>& clean, double seconds) const {
  const auto finite = [](double v) {
    return std::isfinite(v) ? nlohmann::json(v) : nlohmann::json();
  };
  nlohmann::ordered_json out = {
      {"width", image.width},
      {"height", image.height},
      {"channels", image.channels},
      {"levels", options.levels},
      {"neighbours", result.neighbours},
      {"method", method},
      {"coupling", result.coupling},
      {"noise", result.noise_kind == NoiseKind::kFlip ? "flip" : "gaussian"},
      {"noise_value", result.noise_value},
      {"noise_learned", !options.noise.has_value()},
      {"level_values", result.level_values},
      {"sweeps", result.sweeps},
      {"converged", result.converged},
      {"interrupted", result.cancelled},
      {"change", result.change},
      {"elbo", finite(result.elbo)},
      {"log_evidence", finite(result.log_evidence)},
      {"prior_constant", finite(result.prior_constant)},
      {"information", finite(result.information)},
      {"expected_error", result.expected_error},
      {"undecided", result.undecided},
      {"other_start_differs", finite(result.other_start_differs)},
      {"seconds", seconds},
      {"verdict", verdict_name(result.verdict)},
      {"reasons", result.reasons}};
  if (clean) {
    const Scores scores = scores_of(result, *clean);
    out["error_rate"] = scores.error;
    out["noisy_error_rate"] = scores.noisy_error;
    out["psnr"] = finite(scores.psnr);
    out["mean_psnr"] = finite(scores.mean_psnr);
  }
  return out.dump(2) + "\n";
}

int DenoiseCommand::run() {
  read_options();
  // Two levels: a colour image is taken for its brightness, unless levels were asked for.
  const Image image = read(noisy, levels == 0 && added.empty());
  if (image.pixels.empty()) return kExitInput;
  if (!added.empty()) {
    const bool keeps_colour = image.channels == 3 && levels > 0;
    return write_noisy(keeps_colour ? image : image::to_grey(image));
  }
  const std::optional<Image> clean = read_truth(image);
  if (clean && clean->pixels.empty()) return kExitInput;

  report::ProgressBar bar(stderr);
  Context context;
  context.cancel = report::cancel_on_interrupt();
  if (bar.active() && !quiet) context.on_progress = [&](const Progress& p) { bar.update(p); };
  numeric::ThreadPool pool(threads);
  Trace collected;
  lattice::DenoiseObserver observer;
  if (!trace.empty()) {
    observer = [&](const lattice::DenoiseStep& step) {
      observe(step, image, clean, pool, collected);
    };
  }
  const auto started = std::chrono::steady_clock::now();
  const DenoiseResult result = lattice::denoise(pixels_of(image), options, pool, context, observer);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  bar.erase();

  const Image mean_image{image.width, image.height, image.channels, result.mean};
  if (!output.empty()) {
    write_png(output, {image.width, image.height, image.channels,
                       lattice::colour_of(result.labels, result.palette, result.channels)});
  }
  if (!mean.empty()) write_png(mean, mean_image);
  if (!trace.empty()) write_trace(collected, mean_image);
  if (json) {
    std::cout << json_of(image, result, clean, seconds);
  } else if (!quiet) {
    print(image, result, clean, seconds);
  }
  return result.verdict == DenoiseResult::Verdict::kBad ? kExitBad : kExitDone;
}

}  // namespace

void add_denoise(CLI::App& app, int& status) {
  auto command = std::make_shared<DenoiseCommand>();
  CLI::App* denoise = app.add_subcommand(
      "denoise",
      "a clean image from a noisy one: Ising and Potts fields by mean field, ICM or "
      "belief propagation");
  denoise->add_option("image", command->noisy, "PNG, BMP or binary PGM/PPM")
      ->required()
      ->type_name("FILE");
  denoise->add_option("-o,--output", command->output, "the clean image, PNG")->type_name("FILE");
  denoise->add_option("--mean", command->mean, "the posterior mean of every pixel as an image, PNG")
      ->type_name("FILE");
  denoise
      ->add_option(
          "--noise", command->noise,
          "gaussian:SIGMA (deviation, the darkest level being -1 and the brightest +1), flip:P, "
          "or unknown: learned by maximising the ELBO")
      ->type_name("NOISE")
      ->capture_default_str();
  denoise
      ->add_option("--range", command->range,
                   "grey values of the darkest and brightest level in the noisy image (0:255)")
      ->type_name("LOW:HIGH");
  denoise
      ->add_option(
          "--coupling", command->coupling,
          "J of exp(J z_i z_j) with z = +-1 (Potts: +1 for equal, -1 for different levels), every "
          "pair of neighbours counted once; or learn")
      ->type_name("J")
      ->capture_default_str();
  denoise
      ->add_option("--levels", command->levels,
                   "of the clean image: 2 is black and white, more are greys or colours")
      ->type_name("K");
  denoise->add_option("--neighbours", command->options.neighbours,
                      "4 or 8, diagonal ones with J / sqrt 2 (4 for two levels, 8 beyond)");
  denoise->add_option("--method", command->method, "meanfield, icm or tree (belief propagation)")
      ->check(CLI::IsMember({"meanfield", "icm", "tree"}))
      ->capture_default_str();
  denoise
      ->add_option(
          "--tree-weight", command->options.sweeps.tree_weight,
          "of --method tree: 1 is belief propagation; 0.5 (0.25 with 8 neighbours) bounds the "
          "evidence from above")
      ->capture_default_str();
  denoise->add_option("--schedule", command->schedule, "of the updates")
      ->check(CLI::IsMember({"checkerboard", "simultaneous"}))
      ->capture_default_str();
  denoise
      ->add_option("--damping", command->options.sweeps.damping,
                   "share of the old value that an update keeps")
      ->capture_default_str();
  denoise->add_option("--sweeps", command->options.max_sweeps, "at most")->capture_default_str();
  denoise
      ->add_option("--tolerance", command->options.tolerance,
                   "largest change of a mean in a sweep at which it has converged")
      ->capture_default_str();
  denoise->add_option("--truth", command->truth, "the clean image: prints error rate and PSNR")
      ->type_name("FILE");
  denoise
      ->add_option("--trace", command->trace,
                   "write iterations.png, bound.svg and trace.csv into a directory")
      ->type_name("DIR");
  denoise
      ->add_option("--add-noise", command->added,
                   "make a noisy image instead: gaussian:SIGMA or flip:P; the image is reduced to "
                   "--levels first (two: above and below its mean)")
      ->type_name("NOISE");
  denoise->add_option("--seed", command->seed, "of --add-noise")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  denoise->add_option("--threads", command->threads, "0: as many as the machine has")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  denoise->add_flag("--json", command->json, "print the numbers as JSON");
  denoise->add_flag("-q,--quiet", command->quiet, "print nothing");
  denoise->callback([command, &status] { status = command->run(); });
}

}  // namespace vinci::cli
