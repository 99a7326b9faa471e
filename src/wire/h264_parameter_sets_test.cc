#include "wire/h264_parameter_sets.h"

#include <gtest/gtest.h>

namespace loopcast::wire {
namespace {

using Unit = std::vector<uint8_t>;

std::vector<Unit> units(const H264ParameterSets& sets) {
  std::vector<Unit> all;
  for (const Bytes unit : sets.units()) all.emplace_back(unit.begin(), unit.end());
  return all;
}

// Identifiers 0 (a leading 1 bit) and 1 ("010").
const Unit kSps0{0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x68};
const Unit kSps1{0x67, 0x42, 0xe0, 0x1f, 0x4c, 0x68};
const Unit kPps0{0x68, 0xce, 0x3c, 0x80};
const Unit kPps1{0x68, 0x4e, 0x3c, 0x80};

TEST(H264ParameterSets, AreThoseOfTheOffer) {
  H264ParameterSets sets;
  sets.take_offered("Z0LgH4xo,aM48gA==");
  EXPECT_TRUE(sets.complete());
  EXPECT_EQ(units(sets), (std::vector<Unit>{kSps0, kPps0}));
}

TEST(H264ParameterSets, WhatIsMalformedIsLeftOut) {
  for (const char* sprop : {"", ",", "Z0Lg", "Z0LgH4xo", "aM48gA==", "Z0Lg!4xo,aM48gA==",
                            "ZUKA,QUKA", "Z0LgHwA=,aA==", "Z0LgHwAAAAAA,aAAAAAAA"}) {
    H264ParameterSets sets;
    sets.take_offered(sprop);
    EXPECT_FALSE(sets.complete()) << sprop;
  }
}

TEST(H264ParameterSets, AreThoseOfTheStream) {
  H264ParameterSets sets;
  sets.take(kSps0);
  EXPECT_FALSE(sets.complete());
  Unit aggregate{0x78, 0, 4};  // and an IDR slice
  aggregate.insert(aggregate.end(), kPps0.begin(), kPps0.end());
  aggregate.insert(aggregate.end(), {0, 2, 0x65, 0x88});
  sets.take(aggregate);
  EXPECT_EQ(units(sets), (std::vector<Unit>{kSps0, kPps0}));
  sets.take(Unit{0x78, 0, 9, 0x68});  // cut short
  sets.take(Unit{});
  EXPECT_EQ(units(sets), (std::vector<Unit>{kSps0, kPps0}));
}

TEST(H264ParameterSets, ANewerOneTakesThePlaceOfItsIdentifier) {
  H264ParameterSets sets;
  for (const Unit& unit : {kPps0, kSps0, kSps1, kPps1}) sets.take(unit);
  EXPECT_EQ(units(sets), (std::vector<Unit>{kSps0, kSps1, kPps0, kPps1}));
  Unit changed = kSps0;
  changed.back() = 0x69;
  sets.take(changed);
  EXPECT_EQ(units(sets), (std::vector<Unit>{changed, kSps1, kPps0, kPps1}));
}

TEST(H264ParameterSets, AreBounded) {
  H264ParameterSets sets;
  // "1", "010", "011", "00100", ...
  for (const uint8_t id : Unit{0x80, 0x40, 0x60, 0x20, 0x28, 0x30, 0x38})
    sets.take(Unit{0x68, id, 1});
  EXPECT_EQ(units(sets).size(), H264ParameterSets::kMaxSets);
  Unit longest(H264ParameterSets::kMaxSize + 1, 0xFF);
  longest[0] = 0x67;
  sets.take(longest);
  EXPECT_FALSE(sets.complete());
}

}  // namespace
}  // namespace loopcast::wire
