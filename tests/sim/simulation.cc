#include "sim/simulation.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <openssl/ssl.h>

namespace loopcast::sim {
namespace {

// The worker's wall clock at Instant 0; not the presenters'.
constexpr WallTime kEpoch{1'800'000'000'000'000};

sfu::WorkerOptions worker_options(const SocketAddress& server) {
  sfu::WorkerOptions options;
  wire::Candidate candidate;
  candidate.priority = 2130706431;
  candidate.address = server;
  options.candidates = {candidate};
  options.epoch = kEpoch;
  return options;
}

}  // namespace

Simulation::Host::Host(Simulation& owner, size_t number, const Random::Seed& seed)
    : simulation(owner),
      address(owner.server(number)),
      worker(std::make_unique<sfu::Worker>(worker_options(address), seed)) {}

Simulation::Simulation(uint64_t seed, size_t workers)
    : seed_(seed),
      random_(Random::from_number(seed)),
      identity_(rtc::DtlsIdentity::generate()),
      crypto_(rtc::SrtpCrypto::make_best()) {
  for (size_t i = 0; i < workers; ++i)
    hosts_.push_back(std::make_unique<Host>(*this, i, random_.fork()));
}

Simulation::~Simulation() = default;

void Simulation::use_aes_cm() {
  if (SSL_CTX_set_tlsext_use_srtp(identity_.context(), "SRTP_AES128_CM_SHA1_80") != 0)
    throw std::runtime_error("no such SRTP profile");
}

void Simulation::limit_batches(size_t bytes) {
  for (const auto& host : hosts_) host->batch = TransmitBatch(bytes);
}

// Commands.

SocketAddress Simulation::new_address() {
  ++addresses_;
  return {IpAddress::v4(10, static_cast<uint8_t>(addresses_ >> 16),
                        static_cast<uint8_t>(addresses_ >> 8), static_cast<uint8_t>(addresses_)),
          static_cast<uint16_t>(20'000 + random_.below(40'000))};
}

ClientId Simulation::add(size_t host, BrowserOptions options, const PathOptions& path) {
  const ClientId id = next_client_++;
  const sfu::MediaId media = id + 1;
  const BrowserContext context{identity_, *crypto_};
  Client client{host,
                media,
                new_address(),
                Link(path.up, random_.fork()),
                Link(path.down, random_.fork()),
                std::make_unique<Browser>(context, options, random_.fork())};
  by_address_[client.address] = id;
  by_media_[media] = id;
  clients_.emplace(id, std::move(client));
  return id;
}

ClientId Simulation::add_presenter(BrowserOptions options, const PathOptions& path) {
  options.session.send = true;
  const ClientId id = add(0, options, path);
  command(0, sfu::Publish{clients_.at(id).media, browser(id).offer()});
  return id;
}

ClientId Simulation::add_viewer(ClientId presenter, BrowserOptions options, const PathOptions& path,
                                size_t worker) {
  options.session.send = false;
  options.session.receive = true;
  const ClientId id = add(worker, options, path);
  const size_t home = clients_.at(presenter).host;
  if (worker != home && relays_.emplace(std::pair(presenter, worker), true).second) {
    command(worker, sfu::Relay{presenter + 1});
    command(home, sfu::Tap{presenter + 1, static_cast<sfu::TargetId>(worker), {}});
  }
  command(worker, sfu::Watch{clients_.at(id).media, presenter + 1, browser(id).offer()});
  return id;
}

void Simulation::command(size_t number, sfu::Command command) {
  Host& host = *hosts_[number];
  host.worker->handle(now_, std::move(command), host.outlet);
  flush_workers();
}

void Simulation::stop(ClientId id) {
  command(clients_.at(id).host, sfu::Stop{clients_.at(id).media});
}

void Simulation::vanish(ClientId id) {
  Client& client = clients_.at(id);
  client.gone = true;
  client.browser->vanish();
}

void Simulation::close(ClientId id) {
  clients_.at(id).browser->close(now_);
  drive(id);
}

void Simulation::move(ClientId id) {
  Client& client = clients_.at(id);
  by_address_.erase(client.address);
  client.address = new_address();
  by_address_[client.address] = id;
}

void Simulation::rebind(ClientId id) { move(id); }

void Simulation::restart_ice(ClientId id) {
  move(id);
  command(clients_.at(id).host, sfu::RestartIce{clients_.at(id).media, browser(id).restart_ice()});
}

void Simulation::forget(ClientId id) {
  const Client& client = clients_.at(id);
  by_address_.erase(client.address);
  by_media_.erase(client.media);
  clients_.erase(id);
}

void Simulation::take_event(size_t number, sfu::Event& event) {
  if (const auto* wanted = std::get_if<sfu::KeyframeWanted>(&event)) {
    command(clients_.at(wanted->publisher - 1).host, sfu::RequestKeyframe{wanted->publisher});
    return;
  }
  const auto media = std::visit(
      [](const auto& e) -> sfu::MediaId {
        if constexpr (requires { e.id; })
          return e.id;
        else
          return 0;
      },
      event);
  const auto it = by_media_.find(media);
  if (it == by_media_.end() || clients_.at(it->second).host != number) return;
  const ClientId id = it->second;
  Client& client = clients_.at(id);
  if (const auto* answered = std::get_if<sfu::Answered>(&event)) {
    client.events.answered = client.browser->set_answer(now_, answered->sdp);
  } else if (const auto* refused = std::get_if<sfu::Refused>(&event)) {
    client.events.refused = refused->error;
  } else if (const auto* restarted = std::get_if<sfu::Restarted>(&event)) {
    client.browser->set_restart_answer(now_, restarted->fragment);
  } else if (std::get_if<sfu::Connected>(&event)) {
    client.events.connected_at = now_;
  } else if (std::get_if<sfu::Silent>(&event)) {
    client.events.silent_at.push_back(now_);
  } else if (std::get_if<sfu::Heard>(&event)) {
    client.events.heard_at.push_back(now_);
  } else if (const auto* ended = std::get_if<sfu::Ended>(&event)) {
    client.events.ended_at = now_;
    client.events.end_reason = ended->reason;
    client.events.goodbye = ended->goodbye;
  }
  drive(id);
}

// Datagrams.

void Simulation::fly(Link& link, bool to_server, const SocketAddress& from, const SocketAddress& to,
                     const std::vector<uint8_t>& bytes) {
  const Arrivals arrivals = link.send(now_, bytes.size());
  for (size_t i = 0; i < arrivals.count; ++i)
    flights_.push({arrivals.at[i], ++order_, to_server, from, to, bytes});
}

void Simulation::send(TransmitBatch& batch, const SocketAddress& from) {
  for (const Transmit& transmit : batch.sends()) {
    const Bytes all = batch.bytes(transmit);
    const auto owner = by_address_.find(transmit.route.remote);
    for (size_t at = 0; at < all.size(); at += transmit.segment) {
      const Bytes datagram = all.subspan(at, std::min<size_t>(transmit.segment, all.size() - at));
      if (owner == by_address_.end()) {
        if (const auto it = strayed_.find(transmit.route.remote); it != strayed_.end()) {
          ++it->second.datagrams;
          it->second.bytes += datagram.size();
        }
        continue;
      }
      fly(clients_.at(owner->second).down, false, from, transmit.route.remote,
          {datagram.begin(), datagram.end()});
    }
  }
  batch.clear();
}

void Simulation::flush(Host& host) {
  host.worker->flush(now_, host.outlet);
  if (!host.batch.empty()) host.send(host.batch);
}

void Simulation::hand_over() {
  sfu::PacketBatch batch;
  for (const auto& host : hosts_)
    while (host->worker->poll_handover(batch)) {
      ++handed_over_;
      Host& target = *hosts_.at(batch.target);
      target.worker->handle_handover(now_, std::move(batch), target.outlet);
      flush(target);
    }
}

void Simulation::flush_workers() {
  for (const auto& host : hosts_) flush(*host);
  hand_over();
  for (size_t i = 0; i < hosts_.size(); ++i) {
    sfu::Event event;
    while (hosts_[i]->worker->poll_event(event)) take_event(i, event);
  }
}

void Simulation::inject(const SocketAddress& from, Bytes datagram) {
  std::vector<uint8_t> bytes(datagram.begin(), datagram.end());
  Host& host = *hosts_[0];
  host.worker->handle_datagram(now_, Route{from, host.address.ip, 0}, bytes, host.outlet);
  flush_workers();
}

Simulation::Strayed Simulation::strayed(const SocketAddress& to) const {
  const auto it = strayed_.find(to);
  return it == strayed_.end() ? Strayed() : it->second;
}

void Simulation::drive(ClientId id) {
  Client& client = clients_.at(id);
  Datagram datagram;
  while (client.browser->poll_transmit(datagram))
    if (!client.gone) fly(client.up, true, client.address, datagram.to, datagram.bytes);
  const Instant at = client.browser->next_timeout();
  if (at >= client.scheduled) return;
  client.scheduled = at;
  deadlines_.push(at, id);
}

// Time.

Instant Simulation::next() const {
  Instant at = deadlines_.next();
  for (const auto& host : hosts_) at = std::min(at, host->worker->next_timeout());
  if (!flights_.empty()) at = std::min(at, flights_.top().at);
  return at;
}

void Simulation::arrive(std::span<Flight> together) {
  std::vector<loopcast::Datagram> datagrams;
  for (Flight& flight : together) {
    if (tap_) tap_(flight.from, flight.bytes);
    datagrams.push_back({Route{flight.from, flight.to.ip, 0}, flight.bytes});
  }
  for (const auto& host : hosts_)
    if (host->address == together[0].to)
      host->worker->handle_datagrams(now_, datagrams, host->outlet);
}

void Simulation::step(Instant at) {
  now_ = std::max(now_, at);
  while (!flights_.empty() && flights_.top().at <= now_) {
    Flight flight = std::move(const_cast<Flight&>(flights_.top()));
    flights_.pop();
    if (flight.to_server) {
      std::vector<Flight> together;
      together.push_back(std::move(flight));
      while (!flights_.empty() && flights_.top().at <= now_ && flights_.top().to_server &&
             flights_.top().to == together[0].to) {
        together.push_back(std::move(const_cast<Flight&>(flights_.top())));
        flights_.pop();
      }
      arrive(together);
      continue;
    }
    const auto owner = by_address_.find(flight.to);
    if (owner == by_address_.end() || clients_.at(owner->second).gone) continue;
    const ClientId id = owner->second;
    browser(id).handle_datagram(now_, flight.from, flight.bytes);
    drive(id);
  }
  while (deadlines_.due(now_)) {
    const ClientId id = deadlines_.pop();
    const auto it = clients_.find(id);
    if (it == clients_.end() || it->second.scheduled > now_) continue;
    it->second.scheduled = Instant::never();
    it->second.browser->handle_timeout(now_);
    drive(id);
  }
  flush_workers();
  for (const auto& host : hosts_) {
    if (host->worker->next_timeout() > now_) continue;
    host->worker->handle_timeout(now_, host->outlet);
    flush_workers();
  }
}

bool Simulation::run_until(const std::function<bool()>& done, Duration limit) {
  const Instant end = now_ + limit;
  if (done()) return true;
  while (true) {
    const Instant at = next();
    if (at > end) break;
    step(at);
    if (done()) return true;
  }
  now_ = end;
  return false;
}

void Simulation::run_for(Duration duration) {
  run_until([] { return false; }, duration);
}

}  // namespace loopcast::sim
