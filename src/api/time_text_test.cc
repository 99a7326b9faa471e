#include "api/time_text.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

#include "api/rest_recordings.h"

namespace loopcast::api {
namespace {

constexpr int64_t kSecond = 1'000'000;

TEST(TimeText, Iso) {
  EXPECT_EQ(parse_iso_time("2026-01-31T12:00:00Z")->us, 1769860800 * kSecond);
  EXPECT_EQ(parse_iso_time("2026-01-31T20:00:00+08:00"), parse_iso_time("2026-01-31T12:00:00Z"));
  EXPECT_EQ(parse_iso_time("2026-01-31T06:30:00-0530"), parse_iso_time("2026-01-31T12:00:00Z"));
  EXPECT_EQ(parse_iso_time("2026-01-31T12:00:00.25Z")->us, 1769860800 * kSecond + 250'000);
  EXPECT_EQ(parse_iso_time("2026-01-31T12:00:00.123456789Z")->us, 1769860800 * kSecond + 123'456);
  EXPECT_EQ(parse_iso_time("2026-01-31"), parse_iso_time("2026-01-31T00:00:00Z"));
  EXPECT_EQ(parse_iso_time("2024-02-29")->us, 1709164800 * kSecond);
}

TEST(TimeText, WhatIsNoTime) {
  for (const char* text : {"",
                           "x",
                           "2026",
                           "2026-1-31",
                           "2026-01-32",
                           "2026-02-30",
                           "2025-02-29",
                           "2026-13-01",
                           "2026-01-31T",
                           "2026-01-31T12:00",
                           "2026-01-31T12:00:00",
                           "2026-01-31T24:00:00Z",
                           "2026-01-31T12:00:00.Z",
                           "2026-01-31T12:00:00Zx",
                           "2026-01-31T12:00:00+8",
                           "1969-12-31",
                           "+026-01-31",
                           "2026-01-31T12:00:60Z",
                           "2026-01-31T12:60:00Z",
                           "２026-01-31"})
    EXPECT_EQ(parse_iso_time(text), std::nullopt) << text;
  for (const char* text : {"", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z",
                           "2026-01-31 12:00", "2026-04-31 12:00:00"})
    EXPECT_EQ(parse_local_time(text), std::nullopt) << text;
}

TEST(TimeText, LocalIsTheServersZone) {
  ::setenv("TZ", "Asia/Shanghai", 1);
  ::tzset();
  EXPECT_EQ(parse_local_time("2026-01-31 20:00:00"), parse_iso_time("2026-01-31T12:00:00Z"));
  EXPECT_EQ(local_time(*parse_iso_time("2026-01-31T12:00:00Z")), "2026-01-31 20:00:00");
  ::unsetenv("TZ");
  ::tzset();
}

TEST(TimeText, Seconds) {
  EXPECT_EQ(parse_seconds("90"), Duration::seconds(90));
  EXPECT_EQ(parse_seconds("1.5"), Duration::millis(1500));
  EXPECT_EQ(parse_seconds("0"), Duration());
  for (const char* text : {"", "-1", "x", "1x", "nan", "inf", "1e3", "99999999999", " 1"})
    EXPECT_EQ(parse_seconds(text), std::nullopt) << text;
}

}  // namespace
}  // namespace loopcast::api
