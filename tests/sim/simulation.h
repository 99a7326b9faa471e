// The whole media worker against many simulated browsers over simulated networks, in virtual time.
// The same seed gives the same plan of packets; the bytes of DTLS and SRTP differ, as OpenSSL makes
// its own randomness.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/timers.h"
#include "base/transmit.h"
#include "sfu/worker.h"
#include "sim/browser.h"
#include "sim/network.h"

namespace loopcast::sim {

// The network of one browser.
struct PathOptions {
  LinkOptions up;
  LinkOptions down;
};
// The same both ways.
inline PathOptions both_ways(const LinkOptions& link) { return {link, link}; }

using ClientId = size_t;

// What the worker said of one browser.
struct ClientEvents {
  bool answered = false;
  std::optional<Error> refused;
  Instant connected_at = Instant::never();
  std::vector<Instant> silent_at;
  std::vector<Instant> heard_at;
  Instant ended_at = Instant::never();
  std::string end_reason;
  bool goodbye = false;
};

class Simulation {
 public:
  static constexpr uint16_t kServerPort = 3478;

  // Each worker has a port of its own, from kServerPort on.
  explicit Simulation(uint64_t seed, size_t workers = 1);
  ~Simulation();

  Instant now() const { return now_; }
  uint64_t seed() const { return seed_; }
  sfu::Worker& worker(size_t number = 0) { return *hosts_[number]->worker; }
  SocketAddress server(size_t number = 0) const {
    return {IpAddress::v4(192, 0, 2, 1), static_cast<uint16_t>(kServerPort + number)};
  }

  // Somebody who sends and, if `options` says so, sees themselves.
  ClientId add_presenter(BrowserOptions options, const PathOptions& path);
  // With another worker than the presenter's: what the presenter sends is relayed to it.
  ClientId add_viewer(ClientId presenter, BrowserOptions options, const PathOptions& path,
                      size_t worker = 0);
  // Browsers that begin to connect from now on know AES-CM with HMAC-SHA1 alone.
  void use_aes_cm();
  // From now on a worker's batch holds so many bytes.
  void limit_batches(size_t bytes);
  // How often a batch had to leave because it was full.
  uint64_t full_batches() const { return full_batches_; }
  // Ended by the application.
  void stop(ClientId id);
  // Killed: nothing comes from it any more, and nothing reaches it.
  void vanish(ClientId id);
  // Says goodbye by DTLS.
  void close(ClientId id);
  // A new address, as behind a NAT that has forgotten, and the browser does not know.
  void rebind(ClientId id);
  // Another network: a new address and an ICE restart.
  void restart_ice(ClientId id);
  // Forgets the browser, to free its memory.
  void forget(ClientId id);

  Browser& browser(ClientId id) { return *clients_.at(id).browser; }
  const ClientEvents& events(ClientId id) const { return clients_.at(id).events; }
  const SocketAddress& address(ClientId id) const { return clients_.at(id).address; }
  Link& up(ClientId id) { return clients_.at(id).up; }
  Link& down(ClientId id) { return clients_.at(id).down; }
  sfu::MediaId media_id(ClientId id) const { return clients_.at(id).media; }

  // A datagram straight to the worker, from any address, now.
  void inject(const SocketAddress& from, Bytes datagram);
  // Datagrams and bytes that the worker sent to an address of no browser since watch_address().
  struct Strayed {
    size_t datagrams = 0;
    size_t bytes = 0;
  };
  void watch_address(const SocketAddress& address) { strayed_[address] = {}; }
  Strayed strayed(const SocketAddress& to) const;
  // Sees each datagram that a browser sends, when it arrives at the worker.
  using Tap = std::function<void(const SocketAddress& from, Bytes datagram)>;
  void set_tap(Tap tap) { tap_ = std::move(tap); }

  void run_for(Duration duration);
  // Until `done` or for `limit`; whether it was done.
  bool run_until(const std::function<bool()>& done, Duration limit);

  rtc::Counters counters(size_t worker = 0) const { return hosts_[worker]->worker->counters(); }
  // Batches that one worker handed to another.
  uint64_t handed_over() const { return handed_over_; }

 private:
  // One worker and its socket.
  struct Host final : TransmitSink {
    Host(Simulation& owner, size_t number, const Random::Seed& seed);
    void send(TransmitBatch& full) override {
      ++simulation.full_batches_;
      simulation.send(full, address);
    }

    Simulation& simulation;
    SocketAddress address;
    std::unique_ptr<sfu::Worker> worker;
    TransmitBatch batch;
    Outlet outlet{batch, *this};
  };
  struct Client {
    size_t host;
    sfu::MediaId media;
    SocketAddress address;
    Link up, down;
    std::unique_ptr<Browser> browser;
    ClientEvents events = {};
    Instant scheduled = Instant::never();
    bool gone = false;
  };
  // A datagram that is under way.
  struct Flight {
    Instant at;
    uint64_t order;  // of those that arrive at once
    bool to_server;
    SocketAddress from, to;
    std::vector<uint8_t> bytes;
    bool operator>(const Flight& o) const { return at != o.at ? at > o.at : order > o.order; }
  };

  ClientId add(size_t host, BrowserOptions options, const PathOptions& path);
  SocketAddress new_address();
  void command(size_t host, sfu::Command command);
  void move(ClientId id);
  void send(TransmitBatch& batch, const SocketAddress& from);
  void take_event(size_t host, sfu::Event& event);
  void flush(Host& host);
  void flush_workers();
  void hand_over();
  void drive(ClientId id);
  void fly(Link& link, bool to_server, const SocketAddress& from, const SocketAddress& to,
           const std::vector<uint8_t>& bytes);
  // At one server, one after the other at the same moment.
  void arrive(std::span<Flight> together);
  void step(Instant at);
  Instant next() const;

  uint64_t seed_;
  Random random_;
  Instant now_ = Instant::from_us(1'000'000);
  rtc::DtlsIdentity identity_;
  std::unique_ptr<rtc::SrtpCrypto> crypto_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<std::pair<ClientId, size_t>, bool> relays_;
  std::map<ClientId, Client> clients_;
  std::unordered_map<SocketAddress, ClientId> by_address_;
  std::unordered_map<sfu::MediaId, ClientId> by_media_;
  std::unordered_map<SocketAddress, Strayed> strayed_;
  std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flights_;
  DeadlineHeap<ClientId> deadlines_;
  Tap tap_;
  uint64_t handed_over_ = 0;
  uint64_t full_batches_ = 0;
  uint64_t order_ = 0;
  uint32_t addresses_ = 0;
  ClientId next_client_ = 0;
};

}  // namespace loopcast::sim
