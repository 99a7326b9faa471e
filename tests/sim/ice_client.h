// The ICE side of a browser: a full agent that controls (RFC 8445), for a lite agent with a few
// candidates. It knows no address of its own: whoever carries its datagrams does.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/random.h"
#include "base/time.h"
#include "rtc/ice_credentials.h"
#include "wire/stun.h"

namespace loopcast::sim {

struct Datagram {
  SocketAddress to;
  std::vector<uint8_t> bytes;
};

class IceClient {
 public:
  // Chromium checks a new pair about this often, the selected one about every 2.5 s.
  static constexpr Duration kCheckInterval = Duration::millis(50);
  static constexpr Duration kPingInterval = Duration::millis(2500);
  // Without an answer for this long the connection is lost.
  static constexpr Duration kLost = Duration::seconds(15);

  enum class State : uint8_t { kNew, kChecking, kConnected, kLost };

  explicit IceClient(const Random::Seed& seed);

  const rtc::IceCredentials& local() const { return local_; }
  // The answer: begins checking.
  void start(Instant now, rtc::IceCredentials remote, std::span<const SocketAddress> candidates);
  // New credentials of our own for an ICE restart; start() with its answer begins anew.
  void renew_credentials();
  // Checks again at once, as after a change of network that was noticed.
  void check_now(Instant now);
  // No datagram comes or goes any more, without the other side knowing.
  void stop();

  // A STUN datagram.
  void handle_datagram(Instant now, const SocketAddress& from, Bytes datagram);
  void handle_timeout(Instant now);
  Instant next_timeout() const;
  bool poll_transmit(Datagram& out);

  State state() const { return state_; }
  // Where DTLS and media go; nullopt before a check was answered.
  const std::optional<SocketAddress>& selected() const { return selected_; }
  // Zero before the first answer.
  Duration round_trip() const { return round_trip_; }
  // How the other side sees us.
  const std::optional<SocketAddress>& mapped() const { return mapped_; }

 private:
  struct Pair {
    SocketAddress remote;
    // Of the checks under way, the newest last: an answer to any of them is good.
    struct Sent {
      wire::TransactionId transaction;
      Instant at;
    };
    std::deque<Sent> sent;
    bool answered = false;
  };
  static constexpr size_t kMaxUnderWay = 16;

  void send_check(Instant now, Pair& pair, bool nominate);
  void handle_request(const SocketAddress& from, const wire::StunMessage& request);
  void handle_response(Instant now, const SocketAddress& from, const wire::StunMessage& response);

  Random random_;
  rtc::IceCredentials local_, remote_;
  uint64_t tie_breaker_;
  State state_ = State::kNew;
  std::vector<Pair> pairs_;
  std::optional<SocketAddress> selected_, mapped_;
  std::deque<Datagram> outgoing_;
  Instant next_check_ = Instant::never();
  Instant last_answer_;
  Duration round_trip_;
};

}  // namespace loopcast::sim
