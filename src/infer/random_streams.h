// Which stream of random numbers belongs to whom: no two uses of a seed share one.
#pragma once

#include <cstdint>

namespace vinci::infer::stream {

inline constexpr uint32_t kPathfinder = 1;
inline constexpr uint32_t kJudge = 2;
inline constexpr uint32_t kResample = 3;
inline constexpr uint32_t kRaceElbo = 4;
inline constexpr uint32_t kGap = 5;
inline constexpr uint32_t kMethod = 6;
inline constexpr uint32_t kSecondJudge = 7;
inline constexpr uint32_t kThirdJudge = 8;
inline constexpr uint32_t kFourthJudge = 9;
inline constexpr uint32_t kCentringJudge = 10;
inline constexpr uint32_t kWarp = 11;  // and the next
inline constexpr uint32_t kFlow = 13;  // and the 2 after it
inline constexpr uint32_t kDefendedJudge = 16;
inline constexpr uint32_t kChains = 17;         // and the next
inline constexpr uint32_t kEscalation = 0x100;  // and the 255 after it
inline constexpr uint32_t kLadder = 0x200;      // and the 255 after it
inline constexpr uint32_t kSmc = 0x300;         // and the 15 after it
inline constexpr uint32_t kSmcMixture = 0x310;  // and the 239 after it
inline constexpr uint32_t kCentring = 0x400;    // and the 15 after it

}  // namespace vinci::infer::stream
