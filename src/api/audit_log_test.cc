#include "api/audit_log.h"

#include <vector>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/messages.h"

namespace loopcast::api {
namespace {

using app::Code;
using app::make_error;

class AuditLogTest : public testing::Test {
 protected:
  void refuse(uint8_t host) {
    log.write({"sign_in", make_error(Code::kBadCredentials), {IpAddress::v4(10, 0, 0, host), ""}});
  }

  Instant now = Instant::from_us(1'000'000'000);
  std::vector<std::string> lines;
  bool full = false;  // the file takes none
  AuditLog log{[this](const std::string& line) {
                 if (full) return false;
                 lines.push_back(line);
                 return true;
               },
               {[this] { return now; }, [] { return WallTime{1'700'000'000'000'000}; }},
               Random::Seed{5}};
};

TEST_F(AuditLogTest, OneLineSaysWhoDidWhatFromWhere) {
  log.write({"sign_in", ok(), {IpAddress::v4(192, 0, 2, 7), "r-1"}, "u1", "Zoë\n\"x\"", ""});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].find('\n'), std::string::npos);
  EXPECT_EQ(boost::json::parse(lines[0]), (boost::json::object{{"time", "2023-11-14T22:13:20Z"},
                                                               {"what", "sign_in"},
                                                               {"result", "ok"},
                                                               {"address", "192.0.2.7"},
                                                               {"user", "u1"},
                                                               {"nickname", "Zoë?\"x\""},
                                                               {"request", "r-1"}}));
}

TEST_F(AuditLogTest, AnAttackerFillsNoDiskAndHidesNobody) {
  for (int i = 0; i < 100'000; ++i) refuse(1);
  EXPECT_EQ(lines.size(), AuditLog::kRefusals.burst);
  refuse(2);
  ASSERT_EQ(lines.size(), AuditLog::kRefusals.burst + 1) << "another address is heard";
  EXPECT_EQ(boost::json::parse(lines.back()).at("left_out"), 100'000 - AuditLog::kRefusals.burst);
  log.write({"sign_in", ok(), {IpAddress::v4(10, 0, 0, 1), ""}, "u1"});
  EXPECT_EQ(lines.size(), AuditLog::kRefusals.burst + 2) << "what was done is told all the same";
}

TEST_F(AuditLogTest, WhatTheFileDoesNotTakeIsCountedAndTold) {
  full = true;
  log.write({"sign_out"});
  log.write({"sign_out"});
  EXPECT_EQ(log.left_out(), 2u);
  EXPECT_EQ(log.written(), 0u);
  full = false;
  log.write({"sign_out"});
  log.write({"sign_out"});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(boost::json::parse(lines[0]).at("left_out"), 2);
  EXPECT_FALSE(boost::json::parse(lines[1]).as_object().contains("left_out"));
}

TEST_F(AuditLogTest, WhatTheServerDoesByItselfHasNoAddressAndHidesNothing) {
  for (int i = 0; i < 100; ++i)
    log.write({.what = "recording_quota",
               .result = app::make_error(app::Code::kQuotaReached),
               .user_id = "u",
               .detail = "r"});
  EXPECT_EQ(lines.size(), 100u);
  EXPECT_FALSE(boost::json::parse(lines[0]).as_object().contains("address"));
}

TEST_F(AuditLogTest, ManyAddressesTogetherAreLimitedToo) {
  for (int i = 0; i < 10; ++i)
    for (int host = 0; host < 256; ++host)
      for (int n = 0; n < 10; ++n) refuse(static_cast<uint8_t>(host));
  EXPECT_EQ(lines.size(), AuditLog::kAll.burst);
  EXPECT_EQ(log.written() + log.left_out(), 25'600u);
  now = now + Duration::seconds(1);
  for (int host = 0; host < 256; ++host) refuse(static_cast<uint8_t>(host));
  EXPECT_LE(lines.size(), AuditLog::kAll.burst + 10);
}

}  // namespace
}  // namespace loopcast::api
