// Bits-back coding: latent variables cost what their choice gives back.
//
// To code x with p(x, z) and an approximate posterior q(z | x), an encoder pops z from the stack
// with q, pushes x with p(x | z) and z with p(z). The decoder undoes this and has the bits that
// chose z on its stack again, so the net cost of x is log q(z | x) - log p(x, z): in expectation
// over z the negative ELBO. [Frey and Hinton 1997, doi 10.1093/comjnl/40.2_and_3.157; Townsend,
// Bird, Barber 2019, arXiv 1901.04866]
//
// The expectation holds for any data and any q, also where neither fits p, because posteriors are
// popped with stirring (AnsStack::set_stirring).
//
// Models plug in through two small interfaces: distributions of rows of symbols that push and pop
// themselves, and a latent-variable model that makes them. Symbols of continuous variables are
// bins (distributions.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "coding/ans.h"
#include "coding/distributions.h"

namespace vinci::coding {

/// A quantised distribution of a row of symbols, not necessarily independent. Laws: pop gives what
/// push pushed and restores the stack, and push after pop does; both, and bits(), depend on nothing
/// but the distribution's parameters and the symbols, to the last bit on every machine.
class RowDistribution {
 public:
  virtual ~RowDistribution() = default;
  virtual size_t size() const = 0;
  virtual void push(AnsStack& stack, std::span<const uint32_t> symbols) const = 0;
  virtual void pop(AnsStack& stack, std::span<uint32_t> symbols) const = 0;
  /// -log2 of the quantised probability.
  virtual double bits(std::span<const uint32_t> symbols) const = 0;
};
using RowDistributionPtr = std::unique_ptr<const RowDistribution>;

/// Independent symbols, each with a table.
RowDistributionPtr table_row(std::vector<FrequencyTable> tables);
/// Independent bins of one grid, normal or logistic with the locations and scales given. `bins`
/// must live as long as the row.
RowDistributionPtr binned_row(const EqualMassBins& bins, BinShape shape,
                              std::span<const double> locations, std::span<const double> scales,
                              int precision);
/// The prior that shaped the bins: log2_size bits each.
RowDistributionPtr uniform_row(size_t size, int log2_size);

/// A chain of latent layers z_1 (next to the data), ..., z_L:
/// p(x, z) = p(x | z_1) p(z_1 | z_2) ... p(z_L), q(z | x) = q(z_1 | x) q(z_2 | z_1) ...
class LatentModel {
 public:
  virtual ~LatentModel() = default;
  virtual int num_layers() const = 0;
  /// Symbols of the data (layer 0) or of z_layer.
  virtual size_t layer_size(int layer) const = 0;
  /// p(z_L).
  virtual RowDistributionPtr prior() const = 0;
  /// p(z_layer | z_{layer + 1}), for layer 0 p(x | z_1); layer < L.
  virtual RowDistributionPtr likelihood(int layer, std::span<const uint32_t> above) const = 0;
  /// q(z_layer | z_{layer - 1}), for layer 1 q(z_1 | x); 1 <= layer <= L.
  virtual RowDistributionPtr posterior(int layer, std::span<const uint32_t> below) const = 0;
};

enum class Scheme : uint8_t {
  /// All latents are popped before anything is pushed. [Townsend, Bird, Barber 2019]
  kBitsBack,
  /// Layer by layer: what one layer pushes is there for the next to pop, so that a stack needs
  /// fewer bits to begin with. The same net rate. [Kingma, Abbeel, Ho 2019, arXiv 1905.06845,
  /// algorithm 1]
  kBitSwap,
  /// Several draws of q, one of them chosen by its importance weight: net rate -L_N, the
  /// importance-weighted bound with N particles; needs the bits of N draws to begin with.
  /// [Ruan, Ullrich, Severo, Townsend, Khisti, Doucet, Makhzani, Maddison 2021, arXiv 2102.11086,
  /// sec. 3.2, BB-IS]
  kMonteCarlo,
};

struct BitsBackOptions {
  Scheme scheme = Scheme::kBitsBack;
  /// Of kMonteCarlo, at least 1. With 1 it is kBitsBack.
  int particles = 4;
};

/// Pushes x. `bits`, where it is not null, becomes what this run is to cost, net: log2 q(z | x) -
/// log2 p(x, z) at the z drawn, or -log2 of the mean importance weight; its expectation is the
/// negative bound. To compute it takes about as long as to code.
void encode_bits_back(AnsStack& stack, const LatentModel& model, std::span<const uint32_t> x,
                      const BitsBackOptions& options = {}, double* bits = nullptr);
/// Pops x; the stack is as before encode_bits_back, clean bits drawn there aside.
void decode_bits_back(AnsStack& stack, const LatentModel& model, std::span<uint32_t> x,
                      const BitsBackOptions& options = {});

}  // namespace vinci::coding
