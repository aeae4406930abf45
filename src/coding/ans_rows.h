// Kernels of the entropy coder for rows of symbols: eight states that share one stack of words.
// AnsStack (ans.h) is their only caller; all arithmetic is on integers (a quotient is guessed in
// floating point and then made exact), so that every target gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::coding {

/// States of a row; element i of a row belongs to state i % kAnsLanes.
inline constexpr int kAnsLanes = 8;

VINCI_SIMD_DECLARE(
    /// Pushes elements [0, 8 blocks), the last block first: element i has the interval [starts[i],
    /// starts[i] + frequencies[i]) of 2^precision, 13 <= precision <= 31. Words go to `words`,
    /// which has room for 8 blocks of them; the result is their number.
    size_t ans_push_blocks(uint64_t* states, const uint32_t* starts, const uint32_t* frequencies,
                           size_t blocks, int precision, uint32_t* words);

    /// As ans_push_blocks, of bits: where bits[i] is 0 the interval is [0, zeros[i]), else
    /// [zeros[i], 2^precision).
    size_t ans_push_bits(uint64_t* states, const uint32_t* zeros, const uint8_t* bits,
                         size_t blocks, int precision, uint32_t* words);

    /// Pops as many of the blocks as `words_left` words surely suffice for (8 a block), from the
    /// first on; `top` is one past the last word. Returns the blocks done, and in *used the words.
    size_t ans_pop_bits(uint64_t* states, const uint32_t* zeros, uint8_t* bits, size_t blocks,
                        int precision, const uint32_t* top, size_t words_left, size_t* used);

    /// As ans_pop_bits, symbols of one table: symbol_of has 2^precision entries, starts and
    /// frequencies one for each symbol.
    size_t ans_pop_table(uint64_t* states, const uint32_t* symbol_of, const uint32_t* starts,
                         const uint32_t* frequencies, uint32_t* symbols, size_t blocks,
                         int precision, const uint32_t* top, size_t words_left, size_t* used);)

}  // namespace vinci::coding
