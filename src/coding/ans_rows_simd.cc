// The row kernels of the entropy coder on each instruction set; see ans_rows.h.
#include "coding/ans_rows.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define VINCI_INLINE static inline __attribute__((always_inline))

namespace vinci::coding::VINCI_TARGET {
namespace {

/// Words come from below `top`, the last state's first.
VINCI_INLINE size_t refill_one_by_one(uint64_t* states, const uint32_t* top) {
  size_t count = 0;
  for (int l = kAnsLanes - 1; l >= 0; --l)
    if (states[l] >> 32 == 0) states[l] = states[l] << 32 | top[-(ptrdiff_t)++count];
  return count;
}

// A part of the states: four (AVX2) or eight (AVX-512). The baseline goes element by element.
#if defined(__AVX512F__)

typedef __m512i States;
constexpr int kWidth = 8;

VINCI_INLINE States load_states(const uint64_t* p) { return _mm512_loadu_si512(p); }
VINCI_INLINE void store_states(uint64_t* p, States x) { _mm512_storeu_si512(p, x); }
VINCI_INLINE States widen(const uint32_t* p) {
  return _mm512_maskz_cvtepu32_epi64(0xff, _mm256_loadu_si256((const __m256i*)p));
}
VINCI_INLINE States widen_bytes(const uint8_t* p) {
  return _mm512_maskz_cvtepu8_epi64(0xff, _mm_loadl_epi64((const __m128i*)p));
}
VINCI_INLINE States gather(const uint32_t* table, States index) {
  return _mm512_maskz_cvtepu32_epi64(
      0xff, _mm512_mask_i64gather_epi32(_mm256_setzero_si256(), 0xff, index, table, 4));
}
VINCI_INLINE void store_low(uint32_t* p, States x) {
  _mm256_storeu_si256((__m256i*)p, _mm512_maskz_cvtepi64_epi32(0xff, x));
}
VINCI_INLINE States splat_states(uint64_t x) { return _mm512_set1_epi64((long long)x); }
VINCI_INLINE States shift_right(States x, int n) {
  return _mm512_maskz_srl_epi64(0xff, x, _mm_cvtsi32_si128(n));
}
VINCI_INLINE States shift_left(States x, int n) {
  return _mm512_maskz_sll_epi64(0xff, x, _mm_cvtsi32_si128(n));
}
VINCI_INLINE States add(States a, States b) { return _mm512_add_epi64(a, b); }
VINCI_INLINE States sub(States a, States b) { return _mm512_sub_epi64(a, b); }
VINCI_INLINE States bit_and(States a, States b) { return _mm512_and_si512(a, b); }
/// a b mod 2^64, b < 2^32.
VINCI_INLINE States multiply(States a, States b) { return _mm512_mullo_epi64(a, b); }

typedef __mmask8 Choice;
/// Both below 2^63.
VINCI_INLINE Choice at_least(States a, States b) { return _mm512_cmpge_epi64_mask(a, b); }
VINCI_INLINE Choice below_zero(States a) { return _mm512_movepi64_mask(a); }
VINCI_INLINE Choice is_small(States x) {  // x < 2^32
  return _mm512_cmplt_epu64_mask(x, _mm512_set1_epi64(1LL << 32));
}
VINCI_INLINE States choose(Choice m, States a, States b) {
  return _mm512_mask_blend_epi64(m, b, a);
}
VINCI_INLINE unsigned choice_bits(Choice m) { return m; }
VINCI_INLINE void store_bytes(uint8_t* p, Choice m) {
  _mm_storel_epi64((__m128i*)p, _mm_maskz_set1_epi8(m, 1));
}
/// The chosen states' low words, in order; those behind their number are overwritten with anything.
VINCI_INLINE void compress_low(uint32_t* p, Choice m, States x) {
  _mm256_storeu_si256((__m256i*)p,
                      _mm256_maskz_compress_epi32(m, _mm512_maskz_cvtepi64_epi32(0xff, x)));
}
/// The words at p to the chosen states, in order.
VINCI_INLINE States expand_words(const uint32_t* p, Choice m) {
  return _mm512_maskz_cvtepu32_epi64(0xff, _mm256_maskz_expandloadu_epi32(m, p));
}

/// round(x / f) up to one, f < 2^32.
VINCI_INLINE States guess_quotient(States x, States f) {
  const __m512d q =
      _mm512_div_pd(_mm512_maskz_cvtepu64_pd(0xff, x), _mm512_maskz_cvtepu64_pd(0xff, f));
  return _mm512_maskz_cvtpd_epu64(0xff, q);
}

#elif defined(__AVX2__)

typedef __m256i States;
constexpr int kWidth = 4;

// Which words of four: row m moves those chosen by m to the front, or back from there.
alignas(16) const int32_t kCompress[16][4] = {
    {0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {2, 0, 0, 0}, {0, 2, 0, 0},
    {1, 2, 0, 0}, {0, 1, 2, 0}, {3, 0, 0, 0}, {0, 3, 0, 0}, {1, 3, 0, 0}, {0, 1, 3, 0},
    {2, 3, 0, 0}, {0, 2, 3, 0}, {1, 2, 3, 0}, {0, 1, 2, 3}};
alignas(16) const int32_t kExpand[16][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 1, 0, 0},
                                            {0, 0, 0, 0}, {0, 0, 1, 0}, {0, 0, 1, 0}, {0, 1, 2, 0},
                                            {0, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 0, 1}, {0, 1, 0, 2},
                                            {0, 0, 0, 1}, {0, 0, 1, 2}, {0, 0, 1, 2}, {0, 1, 2, 3}};

VINCI_INLINE States load_states(const uint64_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
VINCI_INLINE void store_states(uint64_t* p, States x) { _mm256_storeu_si256((__m256i*)p, x); }
VINCI_INLINE States widen(const uint32_t* p) {
  return _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i*)p));
}
VINCI_INLINE States widen_bytes(const uint8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four));
}
VINCI_INLINE __m128i low_words(States x) {
  return _mm256_castsi256_si128(
      _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6)));
}
VINCI_INLINE States gather(const uint32_t* table, States index) {
  return _mm256_cvtepu32_epi64(_mm256_i64gather_epi32((const int*)table, index, 4));
}
VINCI_INLINE void store_low(uint32_t* p, States x) { _mm_storeu_si128((__m128i*)p, low_words(x)); }
VINCI_INLINE States splat_states(uint64_t x) { return _mm256_set1_epi64x((long long)x); }
VINCI_INLINE States shift_right(States x, int n) {
  return _mm256_srl_epi64(x, _mm_cvtsi32_si128(n));
}
VINCI_INLINE States shift_left(States x, int n) {
  return _mm256_sll_epi64(x, _mm_cvtsi32_si128(n));
}
VINCI_INLINE States add(States a, States b) { return _mm256_add_epi64(a, b); }
VINCI_INLINE States sub(States a, States b) { return _mm256_sub_epi64(a, b); }
VINCI_INLINE States bit_and(States a, States b) { return _mm256_and_si256(a, b); }
/// a b mod 2^64, b < 2^32.
VINCI_INLINE States multiply(States a, States b) {
  return add(_mm256_mul_epu32(a, b),
             _mm256_slli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), b), 32));
}

typedef __m256i Choice;
/// Both below 2^63.
VINCI_INLINE Choice at_least(States a, States b) {
  return _mm256_xor_si256(_mm256_cmpgt_epi64(b, a), _mm256_set1_epi64x(-1));
}
VINCI_INLINE Choice below_zero(States a) { return _mm256_cmpgt_epi64(_mm256_setzero_si256(), a); }
VINCI_INLINE Choice is_small(States x) {  // x < 2^32
  return _mm256_cmpeq_epi64(_mm256_srli_epi64(x, 32), _mm256_setzero_si256());
}
VINCI_INLINE States choose(Choice m, States a, States b) { return _mm256_blendv_epi8(b, a, m); }
VINCI_INLINE unsigned choice_bits(Choice m) {
  return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(m));
}
VINCI_INLINE void store_bytes(uint8_t* p, Choice m) {
  // Multiplied, bit k lands at the lowest bit of byte k (and others are masked away).
  const uint32_t bytes = (choice_bits(m) * 0x00204081u) & 0x01010101u;
  __builtin_memcpy(p, &bytes, 4);
}
VINCI_INLINE __m128i permute_words(__m128i x, const int32_t* order) {
  return _mm_castps_si128(
      _mm_permutevar_ps(_mm_castsi128_ps(x), _mm_load_si128((const __m128i*)order)));
}
/// The chosen states' low words, in order; those behind their number are overwritten with anything.
VINCI_INLINE void compress_low(uint32_t* p, Choice m, States x) {
  _mm_storeu_si128((__m128i*)p, permute_words(low_words(x), kCompress[choice_bits(m)]));
}
/// round(x / f) up to one, f < 2^32.
VINCI_INLINE States guess_quotient(States x, States f) {
  // x = high 2^32 + low: either part has the mantissa of 2^84 or 2^52, and what was added is taken
  // off again exactly.
  const __m256i low = _mm256_blend_epi32(_mm256_castpd_si256(_mm256_set1_pd(0x1p52)), x, 0x55);
  const __m256i high =
      _mm256_or_si256(_mm256_srli_epi64(x, 32), _mm256_castpd_si256(_mm256_set1_pd(0x1p84)));
  const __m256d wide =
      _mm256_add_pd(_mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(0x1p84 + 0x1p52)),
                    _mm256_castsi256_pd(low));
  const __m256d divisor = _mm256_sub_pd(
      _mm256_castsi256_pd(_mm256_or_si256(f, _mm256_castpd_si256(_mm256_set1_pd(0x1p52)))),
      _mm256_set1_pd(0x1p52));
  const __m256d shifted = _mm256_add_pd(_mm256_div_pd(wide, divisor), _mm256_set1_pd(0x1p52));
  return _mm256_xor_si256(_mm256_castpd_si256(shifted),
                          _mm256_castpd_si256(_mm256_set1_pd(0x1p52)));
}

#endif

#if defined(__AVX2__)

constexpr int kParts = kAnsLanes / kWidth;

/// Words that leave the states of one block go to `words` in the order of the states.
VINCI_INLINE size_t push_block(States* x, const States* start, const States* frequency,
                               int precision, uint32_t* words) {
  size_t written = 0;
#pragma GCC unroll 2
  for (int p = 0; p < kParts; ++p) {
    const Choice full = at_least(shift_right(x[p], 64 - precision), frequency[p]);
    compress_low(words + written, full, x[p]);
    written += (size_t)__builtin_popcount(choice_bits(full));
    x[p] = choose(full, shift_right(x[p], 32), x[p]);
    // The quotient is below 2^(64 - precision) <= 2^51, so the guess is off by less than 1.5:
    // at most one too small or too large.
    States quotient = guess_quotient(x[p], frequency[p]);
    States remainder = sub(x[p], multiply(quotient, frequency[p]));
    const Choice too_large = below_zero(remainder);
    quotient = choose(too_large, sub(quotient, splat_states(1)), quotient);
    remainder = choose(too_large, add(remainder, frequency[p]), remainder);
    const Choice too_small = at_least(remainder, frequency[p]);
    quotient = choose(too_small, add(quotient, splat_states(1)), quotient);
    remainder = choose(too_small, sub(remainder, frequency[p]), remainder);
    x[p] = add(add(shift_left(quotient, precision), remainder), start[p]);
  }
  return written;
}

/// Words come from below `top`, where at least 8 lie; the result is how many.
VINCI_INLINE size_t refill_block(States* x, const uint32_t* top) {
#if defined(__AVX512F__)
  const Choice empty = is_small(x[0]);
  const int count = __builtin_popcount(choice_bits(empty));
  x[0] = choose(empty, add(shift_left(x[0], 32), expand_words(top - count, empty)), x[0]);
  return (size_t)count;
#else
  const Choice empty[2] = {is_small(x[0]), is_small(x[1])};
  const unsigned chosen[2] = {choice_bits(empty[0]), choice_bits(empty[1])};
  const int first = __builtin_popcount(chosen[0]);
  const int count = first + __builtin_popcount(chosen[1]);
  const __m256i words = _mm256_loadu_si256((const __m256i*)(top - 8));
#pragma GCC unroll 2
  for (int p = 0; p < 2; ++p) {
    const __m128i order = _mm_add_epi32(_mm_load_si128((const __m128i*)kExpand[chosen[p]]),
                                        _mm_set1_epi32(8 - count + (p == 0 ? 0 : first)));
    const __m256i picked = _mm256_permutevar8x32_epi32(words, _mm256_castsi128_si256(order));
    const States word = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(picked));
    x[p] = choose(empty[p], add(shift_left(x[p], 32), word), x[p]);
  }
  return (size_t)count;
#endif
}

#endif

}  // namespace

#if defined(__AVX2__)

size_t ans_push_blocks(uint64_t* states, const uint32_t* starts, const uint32_t* frequencies,
                       size_t blocks, int precision, uint32_t* words) {
  States x[kParts];
  for (int p = 0; p < kParts; ++p) x[p] = load_states(states + p * kWidth);
  size_t written = 0;
  for (size_t b = blocks; b-- > 0;) {
    States start[kParts], frequency[kParts];
#pragma GCC unroll 2
    for (int p = 0; p < kParts; ++p) {
      start[p] = widen(starts + b * kAnsLanes + p * kWidth);
      frequency[p] = widen(frequencies + b * kAnsLanes + p * kWidth);
    }
    written += push_block(x, start, frequency, precision, words + written);
  }
  for (int p = 0; p < kParts; ++p) store_states(states + p * kWidth, x[p]);
  return written;
}

size_t ans_push_bits(uint64_t* states, const uint32_t* zeros, const uint8_t* bits, size_t blocks,
                     int precision, uint32_t* words) {
  States x[kParts];
  for (int p = 0; p < kParts; ++p) x[p] = load_states(states + p * kWidth);
  const States total = splat_states(uint64_t{1} << precision);
  size_t written = 0;
  for (size_t b = blocks; b-- > 0;) {
    States start[kParts], frequency[kParts];
#pragma GCC unroll 2
    for (int p = 0; p < kParts; ++p) {
      const States zero = widen(zeros + b * kAnsLanes + p * kWidth);
      const Choice one = at_least(widen_bytes(bits + b * kAnsLanes + p * kWidth), splat_states(1));
      start[p] = choose(one, zero, splat_states(0));
      frequency[p] = choose(one, sub(total, zero), zero);
    }
    written += push_block(x, start, frequency, precision, words + written);
  }
  for (int p = 0; p < kParts; ++p) store_states(states + p * kWidth, x[p]);
  return written;
}

size_t ans_pop_bits(uint64_t* states, const uint32_t* zeros, uint8_t* bits, size_t blocks,
                    int precision, const uint32_t* top, size_t words_left, size_t* used) {
  States x[kParts];
  for (int p = 0; p < kParts; ++p) x[p] = load_states(states + p * kWidth);
  const States total = splat_states(uint64_t{1} << precision);
  const States mask = splat_states((uint64_t{1} << precision) - 1);
  size_t taken = 0;
  size_t b = 0;
  for (; b < blocks && words_left - taken >= kAnsLanes; ++b) {
#pragma GCC unroll 2
    for (int p = 0; p < kParts; ++p) {
      const States zero = widen(zeros + b * kAnsLanes + p * kWidth);
      const States slot = bit_and(x[p], mask);
      const Choice one = at_least(slot, zero);
      store_bytes(bits + b * kAnsLanes + p * kWidth, one);
      const States start = choose(one, zero, splat_states(0));
      const States frequency = choose(one, sub(total, zero), zero);
      x[p] = add(multiply(shift_right(x[p], precision), frequency), sub(slot, start));
    }
    taken += refill_block(x, top - taken);
  }
  for (int p = 0; p < kParts; ++p) store_states(states + p * kWidth, x[p]);
  *used = taken;
  return b;
}

#else  // the baseline, element by element

namespace {

VINCI_INLINE uint64_t pushed(uint64_t x, uint32_t start, uint32_t frequency, int precision,
                             uint32_t* words, size_t* written) {
  if ((x >> (64 - precision)) >= frequency) {
    words[(*written)++] = (uint32_t)x;
    x >>= 32;
  }
  return ((x / frequency) << precision) + x % frequency + start;
}

}  // namespace

size_t ans_push_blocks(uint64_t* states, const uint32_t* starts, const uint32_t* frequencies,
                       size_t blocks, int precision, uint32_t* words) {
  size_t written = 0;
  for (size_t b = blocks; b-- > 0;) {
    for (int l = 0; l < kAnsLanes; ++l) {
      const size_t i = b * kAnsLanes + (size_t)l;
      states[l] = pushed(states[l], starts[i], frequencies[i], precision, words, &written);
    }
  }
  return written;
}

size_t ans_push_bits(uint64_t* states, const uint32_t* zeros, const uint8_t* bits, size_t blocks,
                     int precision, uint32_t* words) {
  const uint32_t total = uint32_t{1} << precision;
  size_t written = 0;
  for (size_t b = blocks; b-- > 0;) {
    for (int l = 0; l < kAnsLanes; ++l) {
      const size_t i = b * kAnsLanes + (size_t)l;
      const bool one = bits[i] != 0;
      states[l] = pushed(states[l], one ? zeros[i] : 0, one ? total - zeros[i] : zeros[i],
                         precision, words, &written);
    }
  }
  return written;
}

size_t ans_pop_bits(uint64_t* states, const uint32_t* zeros, uint8_t* bits, size_t blocks,
                    int precision, const uint32_t* top, size_t words_left, size_t* used) {
  const uint32_t total = uint32_t{1} << precision;
  size_t taken = 0;
  size_t b = 0;
  for (; b < blocks && words_left - taken >= kAnsLanes; ++b) {
    for (int l = 0; l < kAnsLanes; ++l) {
      const size_t i = b * kAnsLanes + (size_t)l;
      const uint32_t slot = (uint32_t)states[l] & (total - 1);
      const bool one = slot >= zeros[i];
      bits[i] = one;
      states[l] = (states[l] >> precision) * (one ? total - zeros[i] : zeros[i]) + slot -
                  (one ? zeros[i] : 0);
    }
    taken += refill_one_by_one(states, top - taken);
  }
  *used = taken;
  return b;
}

#endif

#if defined(__AVX512F__)

size_t ans_pop_table(uint64_t* states, const uint32_t* symbol_of, const uint32_t* starts,
                     const uint32_t* frequencies, uint32_t* symbols, size_t blocks, int precision,
                     const uint32_t* top, size_t words_left, size_t* used) {
  States x[kParts];
  for (int p = 0; p < kParts; ++p) x[p] = load_states(states + p * kWidth);
  const States mask = splat_states((uint64_t{1} << precision) - 1);
  size_t taken = 0;
  size_t b = 0;
  for (; b < blocks && words_left - taken >= kAnsLanes; ++b) {
#pragma GCC unroll 2
    for (int p = 0; p < kParts; ++p) {
      const States slot = bit_and(x[p], mask);
      const States symbol = gather(symbol_of, slot);
      store_low(symbols + b * kAnsLanes + p * kWidth, symbol);
      const States start = gather(starts, symbol);
      const States frequency = gather(frequencies, symbol);
      x[p] = add(multiply(shift_right(x[p], precision), frequency), sub(slot, start));
    }
    taken += refill_block(x, top - taken);
  }
  for (int p = 0; p < kParts; ++p) store_states(states + p * kWidth, x[p]);
  *used = taken;
  return b;
}

#else  // gathers of AVX2 take longer than loads one by one

size_t ans_pop_table(uint64_t* states, const uint32_t* symbol_of, const uint32_t* starts,
                     const uint32_t* frequencies, uint32_t* symbols, size_t blocks, int precision,
                     const uint32_t* top, size_t words_left, size_t* used) {
  const uint32_t total = uint32_t{1} << precision;
  size_t taken = 0;
  size_t b = 0;
  for (; b < blocks && words_left - taken >= kAnsLanes; ++b) {
    for (int l = 0; l < kAnsLanes; ++l) {
      const uint32_t slot = (uint32_t)states[l] & (total - 1);
      const uint32_t symbol = symbol_of[slot];
      symbols[b * kAnsLanes + (size_t)l] = symbol;
      states[l] = (states[l] >> precision) * frequencies[symbol] + slot - starts[symbol];
    }
    taken += refill_one_by_one(states, top - taken);
  }
  *used = taken;
  return b;
}

#endif

}  // namespace vinci::coding::VINCI_TARGET
