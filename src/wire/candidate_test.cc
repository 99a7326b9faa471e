#include "wire/candidate.h"

#include <gtest/gtest.h>

namespace loopcast::wire {
namespace {

TEST(Candidate, ReadsWhatBrowsersTrickle) {
  const auto c = parse_candidate(
      "candidate:2383652642 1 udp 2122063615 192.0.2.2 53671 typ host generation 0 ufrag l23m "
      "network-id 1 network-cost 50");
  ASSERT_TRUE(c);
  EXPECT_EQ(c->foundation, "2383652642");
  EXPECT_EQ(c->component, 1);
  EXPECT_EQ(c->transport, CandidateTransport::kUdp);
  EXPECT_EQ(c->priority, 2122063615u);
  EXPECT_EQ(c->address.to_string(), "192.0.2.2:53671");
  EXPECT_EQ(c->type, CandidateType::kHost);
  EXPECT_EQ(c->tcp_type, TcpType::kNone);
  EXPECT_EQ(c->username_fragment, "l23m");
  EXPECT_FALSE(c->related);
}

TEST(Candidate, ReadsTcpRelatedAddressAndComponentTwo) {
  const auto c = parse_candidate(
      "a=candidate:3 2 TCP 2105524478 fd00::2 9 typ srflx raddr 10.0.0.1 rport 8 tcptype "
      "active\r\n");
  ASSERT_TRUE(c);
  EXPECT_EQ(c->component, 2);
  EXPECT_EQ(c->transport, CandidateTransport::kTcp);
  EXPECT_EQ(c->tcp_type, TcpType::kActive);
  EXPECT_EQ(c->type, CandidateType::kServerReflexive);
  EXPECT_EQ(c->address.to_string(), "[fd00::2]:9");
  ASSERT_TRUE(c->related);
  EXPECT_EQ(c->related->to_string(), "10.0.0.1:8");
}

TEST(Candidate, IgnoresWhatCannotBeUsed) {
  for (const char* line : {
           "",                                                // Firefox: end of candidates
           "candidate:",                                      //
           "end-of-candidates",                               //
           "candidate:1 1 udp 1 4f4e.local 5000 typ host",    // mDNS
           "candidate:1 1 udp 1 example.com 5000 typ host",   //
           "candidate:1 1 sctp 1 192.0.2.1 5000 typ host",    // unknown transport
           "candidate:1 1 udp 1 192.0.2.1 5000 typ quantum",  // unknown type
           "candidate:1 1 tcp 1 192.0.2.1 5000 typ host",     // no tcptype
           "candidate:1 1 udp 1 192.0.2.1 5000 typ host tcptype active",
           "candidate:1 1 tcp 1 192.0.2.1 5000 typ host tcptype sideways",
           "candidate:1 0 udp 1 192.0.2.1 5000 typ host",    // component from 1
           "candidate:1 257 udp 1 192.0.2.1 5000 typ host",  // to 256
           "candidate:1 1 udp 0 192.0.2.1 5000 typ host",    // priority from 1
           "candidate:1 1 udp 2147483648 192.0.2.1 5000 typ host",
           "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
           "candidate:1 1 udp 1 192.0.2.1 -1 typ host",
           "candidate:1 1 udp 1 192.0.2.1 5000 host",
           "candidate:1 1 udp 1 192.0.2.1",
           "candidate:1;2 1 udp 1 192.0.2.1 5000 typ host",     // no ice-char
           "candidate:1 1 udp 1 192.0.2.1 5000 typ host\na=x",  // two lines
           "CANDIDATE:1 1 udp 1 192.0.2.1 5000 typ host",
       })
    EXPECT_FALSE(parse_candidate(line)) << line;
}

TEST(Candidate, FoundationAndLineAreBounded) {
  const std::string rest = " 1 udp 1 192.0.2.1 5000 typ host";
  EXPECT_TRUE(parse_candidate("candidate:" + std::string(32, 'a') + rest));
  EXPECT_FALSE(parse_candidate("candidate:" + std::string(33, 'a') + rest));
  EXPECT_FALSE(parse_candidate("candidate:1" + rest + " x " + std::string(kMaxCandidateLine, 'y')));
}

TEST(Candidate, WritesWhatItReads) {
  for (const std::string line : {
           "candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host",
           "candidate:2 1 tcp 1671430143 2001:db8::1 443 typ host tcptype passive",
           "candidate:3 1 udp 1 192.0.2.1 3478 typ relay raddr 10.0.0.1 rport 8 ufrag abcd",
           "candidate:4 1 tcp 1 192.0.2.1 3478 typ prflx tcptype so",
       }) {
    const auto c = parse_candidate(line);
    ASSERT_TRUE(c) << line;
    EXPECT_EQ(write_candidate(*c), line);
  }
}

}  // namespace
}  // namespace loopcast::wire
