// One worker: the peers that live on one thread and one port, and the routing between them. Knows
// no socket, clock or thread; net/media_thread.h drives it, and tests/sim drives it in virtual
// time.
//
// A publisher is a peer of one worker. Its subscribers are peers of the same one, or of another
// that is handed what the publisher sends (sfu/handover.h). A presenter who gets their own picture
// back is a subscriber of themselves.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/expected.h"
#include "base/random.h"
#include "base/slab.h"
#include "base/time.h"
#include "base/timers.h"
#include "base/transmit.h"
#include "rtc/counters.h"
#include "rtc/dtls_identity.h"
#include "rtc/negotiation.h"
#include "rtc/peer.h"
#include "rtc/srtp.h"
#include "sfu/handover.h"
#include "sfu/publisher.h"
#include "sfu/route_table.h"
#include "sfu/source.h"
#include "sfu/subscriber.h"
#include "wire/candidate.h"

namespace loopcast::sfu {

// Each is answered by Answered or Refused, but for Stop.
struct Publish {
  MediaId id = 0;
  std::string offer;
};
struct Watch {
  MediaId id = 0;
  MediaId publisher = 0;
  std::string offer;
};
// An ICE restart by an SDP fragment (RFC 9725, section 4.3.3): answered by Restarted, or by nothing
// if the fragment has candidates only, of which a lite agent needs none.
struct RestartIce {
  MediaId id = 0;
  std::string fragment;
};
// Ends a peer; no event follows. The subscribers of a publisher are to be stopped as well: they get
// nothing any more.
struct Stop {
  MediaId id = 0;
};
// Asks for the worker's figures: answered by Figures.
struct GetFigures {
  uint32_t tag = 0;
};
// The packets of `publisher` go to `target` as well, until it ends or Untap. Nothing follows if it
// has ended already.
struct Tap {
  MediaId publisher = 0;
  TargetId target = 0;
  // Asks for a keyframe when none came for so long; zero: never.
  Duration keyframe_interval;
};
struct Untap {
  MediaId publisher = 0;
  TargetId target = 0;
};
// Who takes packets over lost some, and cannot go on without a keyframe.
struct RequestKeyframe {
  MediaId publisher = 0;
};
// Another worker will hand over what `publisher` sends, these streams: it can be watched here from
// now on, until EndRelay. Beginning and end are commands, since what is handed over may be lost on
// its way.
struct Relay {
  MediaId publisher = 0;
  std::vector<HandoverStream> streams;
};
// The publisher has ended. The subscribers here are to be stopped as well, as those of Stop.
struct EndRelay {
  MediaId publisher = 0;
};
using Command = std::variant<Publish, Watch, RestartIce, Stop, GetFigures, Tap, Untap,
                             RequestKeyframe, Relay, EndRelay>;

struct Answered {
  MediaId id = 0;
  std::string sdp;
  std::vector<HandoverStream> streams = {};  // of Publish: for Relay
};
struct Refused {
  MediaId id = 0;
  Error error;
};
struct Restarted {
  MediaId id = 0;
  std::string fragment;
};
struct Connected {
  MediaId id = 0;
};
// The peer is gone. `goodbye`: it closed the connection itself, and said so (DTLS close_notify);
// otherwise `reason` says what failed: "ice" or "dtls".
struct Ended {
  MediaId id = 0;
  std::string reason;
  bool goodbye = false;
};
// A publisher that has connected has sent neither media nor a report on it for kSilence, or none
// at all since then. It may be dead: its consent expires only after 20 s. Told up to a second late.
struct Silent {
  MediaId id = 0;
};
// A publisher sends for the first time, or one that was Silent again.
struct Heard {
  MediaId id = 0;
};
struct Figures {
  uint32_t tag = 0;  // of the request
  rtc::Counters counters;
  size_t peers = 0;
  size_t publishers = 0;
  size_t slow_viewers = 0;  // whose way carries less than they are sent, as their feedback tells
};
// A subscriber of a publisher that is relayed needs a keyframe: its worker is to be told
// (RequestKeyframe).
struct KeyframeWanted {
  MediaId publisher = 0;
};
using Event = std::variant<Answered, Refused, Restarted, Connected, Ended, Silent, Heard, Figures,
                           KeyframeWanted>;

struct WorkerOptions {
  std::vector<wire::Candidate> candidates;
  std::vector<wire::Codec> video_preference{wire::Codec::kH264, wire::Codec::kVp9,
                                            wire::Codec::kAv1, wire::Codec::kVp8};
  // Wall clock at Instant 0, for sender reports.
  WallTime epoch;
  size_t max_peers = 20'000;
  // What one presenter may send, headers included; more is dropped. As much as is recorded.
  int64_t max_presenter_bitrate = 32'000'000;
  rtc::SrtpBackend srtp_backend = rtc::SrtpBackend::kOpenSsl;
  bool best_srtp_backend = true;  // instead of srtp_backend
};

class Worker {
 public:
  using Handed = PacketBatch;

  // Datagrams of handshakes that wait for their turn; more are dropped, and repeated by their
  // sender.
  static constexpr size_t kMaxHandshakes = 4096;
  // Those of one peer: its longest flight, a chain of certificates, has half as many. A peer that
  // sends without end then neither fills the queue nor holds up the others.
  static constexpr uint8_t kMaxHandshakesOfPeer = 16;
  // Steps of handshakes in one turn. One with two signatures takes half a millisecond, and media
  // waits meanwhile.
  static constexpr int kHandshakeSteps = 2;
  // Packets of all replays to joining viewers: what a crowd gets at once would be lost on its way,
  // and that of others with it. 200 a millisecond are about 2 Gbit/s.
  static constexpr int64_t kReplayPerMs = 200;
  static constexpr int64_t kReplayBurst = 1000;

  // No network that works is silent for so long: sound alone is 50 packets a second, 2.5 in its
  // pauses, and a still picture is reported on once a second.
  static constexpr Duration kSilence = Duration::seconds(2);

  // Ends the process if there is no cryptography: OpenSSL is broken then.
  Worker(WorkerOptions options, const Random::Seed& seed);
  ~Worker();
  Worker(const Worker&) = delete;

  void handle(Instant now, Command&& command, Outlet& out);
  // Decrypts in place. Several that have come together cost less than one by one.
  void handle_datagrams(Instant now, std::span<const Datagram> datagrams, Outlet& out);
  void handle_datagram(Instant now, const Route& from, MutableBytes datagram, Outlet& out);
  // After each batch of datagrams: hands on what is complete.
  void flush(Instant now, Outlet& out);
  Instant next_timeout() const;
  void handle_timeout(Instant now, Outlet& out);
  // The ICE-TCP connection that `route` names is gone.
  void route_closed(Instant now, const Route& route);
  bool poll_event(Event& event);
  // What publishers that are tapped have sent; to be drained each turn.
  bool poll_handover(PacketBatch& batch);
  // What another worker handed over.
  void handle_handover(Instant now, PacketBatch&& batch, Outlet& out);

  const rtc::Counters& counters() const { return counters_; }
  size_t peers() const { return members_.size(); }
  const char* srtp_name() const { return crypto_->name(); }

 private:
  struct Member {
    MediaId id;
    bool connected;
    bool slow;           // counted in slow_members_
    uint8_t handshakes;  // of its datagrams in handshakes_
    SlabId publishes;    // its own source
    SlabId watches;      // the source that `subscriber` listens to
    // With the beginning of `peer` it is what each packet touches: see Slab::prefetch().
    std::optional<Subscriber> subscriber;
    rtc::Peer peer;
    std::vector<std::string> ufrags = {};
    std::vector<RouteKey> routes = {};      // that lead here by by_route_
    std::vector<RouteKey> challenges = {};  // in challengers_
    Instant scheduled = Instant::never();
  };
  struct Handshake {
    SlabId member;
    Route from;
    std::vector<uint8_t> datagram;
  };
  void handle_command(Instant now, Publish&& command, Outlet& out);
  void handle_command(Instant now, Watch&& command, Outlet& out);
  void handle_command(Instant now, RestartIce&& command, Outlet& out);
  void handle_command(Instant now, Stop&& command, Outlet& out);
  void handle_command(Instant now, GetFigures&& command, Outlet& out);
  void handle_command(Instant now, Tap&& command, Outlet& out);
  void handle_command(Instant now, Untap&& command, Outlet& out);
  void handle_command(Instant now, RequestKeyframe&& command, Outlet& out);
  void handle_command(Instant now, Relay&& command, Outlet& out);
  void handle_command(Instant now, EndRelay&& command, Outlet& out);

  rtc::AnswerOptions answer_options(const rtc::IceCredentials& ice);
  rtc::IceCredentials new_credentials();
  Member* add_member(Instant now, MediaId id, rtc::IceCredentials ice, rtc::Negotiated negotiated,
                     SlabId& handle);
  Member* find(MediaId id, SlabId* handle = nullptr);
  Source* find_source(MediaId id, SlabId* handle = nullptr);
  SlabId add_source(MediaId id, SlabId member, const rtc::Negotiated& negotiated);
  void remove_source(Instant now, SlabId handle);
  void prefetch_peers(std::span<const Datagram> datagrams) const;
  SlabId find_by_ufrag(Bytes datagram) const;
  void handle_stun(Instant now, const Route& from, MutableBytes datagram, Outlet& out);
  bool feed_stun(Instant now, SlabId handle, const Route& from, MutableBytes datagram, Outlet& out);
  void learn_route(SlabId handle, Member& member, const Route& from);
  void challenge(SlabId handle, Member& member, const RouteKey& key);
  void handle_rtcp(Instant now, Member& member, Bytes compound, Outlet& out);
  void drive(Instant now, SlabId handle, Member& member, Outlet& out);
  void fan_out(Instant now, Source& source, Outlet& out);
  void forward_batch(Instant now, Source& source, Outlet& out);
  void wait_for_turn(SlabId handle, Member& member, const Route& from, Bytes datagram);
  void take_handshake_steps(Instant now, Outlet& out);
  void start_subscribers(Instant now, Outlet& out);
  void request_keyframes(Instant now, Source& source);
  void serve_keyframes(Instant now, Source& source, Outlet& out);
  void send_reports(Instant now, Member& member, Outlet& out);
  void note_way(Member& member);
  void note_silence(Instant now, const Member& member, Source& source);
  void note_heard(Source& source);
  void schedule(SlabId handle, Member& member);
  void remove(Instant now, SlabId handle);

  WorkerOptions options_;
  Random random_;
  rtc::DtlsIdentity identity_;
  std::unique_ptr<rtc::SrtpCrypto> crypto_;
  rtc::Counters counters_;
  Slab<Member> members_;
  Slab<Source> sources_;
  std::vector<SlabId> relayed_;  // sources that another worker hands over
  std::unordered_map<MediaId, SlabId> source_by_id_;
  std::unordered_map<MediaId, SlabId> by_id_;
  std::unordered_map<std::string, SlabId> by_ufrag_;
  RouteTable by_route_;
  // Who claims, by an authenticated check, an address that belongs to another: it changes hands
  // only when they have been validated there, so that nobody's address can be taken by spoofing it.
  RouteTable challengers_;
  std::vector<SlabId> pending_;  // sources with packets to hand on
  std::deque<Handshake> handshakes_;
  std::deque<SlabId> starting_;  // connected viewers whose replay has to wait
  int64_t replay_budget_ = kReplayBurst;
  Instant replay_budget_at_;
  size_t slow_members_ = 0;
  DeadlineHeap<SlabId> deadlines_;
  std::deque<Event> events_;
  std::deque<PacketBatch> handovers_;
};

}  // namespace loopcast::sfu
