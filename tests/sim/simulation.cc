#include "sim/simulation.h"

#include <algorithm>
#include <utility>

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

Simulation::Simulation(uint64_t seed)
    : seed_(seed),
      random_(Random::from_number(seed)),
      identity_(rtc::DtlsIdentity::generate()),
      crypto_(rtc::SrtpCrypto::make_best()),
      worker_(std::make_unique<sfu::Worker>(worker_options(server()), random_.fork())),
      outlet_{batch_, *this} {}

Simulation::~Simulation() = default;

// Commands.

SocketAddress Simulation::new_address() {
  ++addresses_;
  return {IpAddress::v4(10, static_cast<uint8_t>(addresses_ >> 16),
                        static_cast<uint8_t>(addresses_ >> 8), static_cast<uint8_t>(addresses_)),
          static_cast<uint16_t>(20'000 + random_.below(40'000))};
}

ClientId Simulation::add(BrowserOptions options, const PathOptions& path) {
  const ClientId id = next_client_++;
  const sfu::MediaId media = id + 1;
  const BrowserContext context{identity_, *crypto_};
  Client client{media, new_address(), Link(path.up, random_.fork()),
                Link(path.down, random_.fork()),
                std::make_unique<Browser>(context, options, random_.fork())};
  by_address_[client.address] = id;
  by_media_[media] = id;
  clients_.emplace(id, std::move(client));
  return id;
}

ClientId Simulation::add_presenter(BrowserOptions options, const PathOptions& path) {
  options.session.send = true;
  const ClientId id = add(std::move(options), path);
  command(sfu::Publish{clients_.at(id).media, browser(id).offer()});
  return id;
}

ClientId Simulation::add_viewer(ClientId presenter, BrowserOptions options,
                                const PathOptions& path) {
  options.session.send = false;
  options.session.receive = true;
  const ClientId id = add(std::move(options), path);
  command(sfu::Watch{clients_.at(id).media, presenter + 1, browser(id).offer()});
  return id;
}

void Simulation::command(sfu::Command command) {
  worker_->handle(now_, std::move(command), outlet_);
  flush_worker();
}

void Simulation::stop(ClientId id) { command(sfu::Stop{clients_.at(id).media}); }

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
  command(sfu::RestartIce{clients_.at(id).media, browser(id).restart_ice()});
}

void Simulation::forget(ClientId id) {
  const Client& client = clients_.at(id);
  by_address_.erase(client.address);
  by_media_.erase(client.media);
  clients_.erase(id);
}

void Simulation::take_events() {
  sfu::Event event;
  while (worker_->poll_event(event)) {
    const auto media = std::visit(
        [](const auto& e) -> sfu::MediaId {
          if constexpr (requires { e.id; })
            return e.id;
          else
            return 0;
        },
        event);
    const auto it = by_media_.find(media);
    if (it == by_media_.end()) continue;
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
    } else if (const auto* ended = std::get_if<sfu::Ended>(&event)) {
      client.events.ended_at = now_;
      client.events.end_reason = ended->reason;
    }
    drive(id);
  }
}

// Datagrams.

void Simulation::fly(Link& link, bool to_server, const SocketAddress& from, const SocketAddress& to,
                     std::vector<uint8_t> bytes) {
  const Arrivals arrivals = link.send(now_, bytes.size());
  for (size_t i = 0; i < arrivals.count; ++i) {
    Flight flight{arrivals.at[i], ++order_, to_server, from, to, {}};
    flight.bytes = i + 1 == arrivals.count ? std::move(bytes) : bytes;
    flights_.push(std::move(flight));
  }
}

void Simulation::send(TransmitBatch& batch) {
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
      fly(clients_.at(owner->second).down, false, server(), transmit.route.remote,
          {datagram.begin(), datagram.end()});
    }
  }
  batch.clear();
}

void Simulation::flush_worker() {
  worker_->flush(now_, outlet_);
  if (!batch_.empty()) send(batch_);
  take_events();
}

void Simulation::inject(const SocketAddress& from, Bytes datagram) {
  std::vector<uint8_t> bytes(datagram.begin(), datagram.end());
  worker_->handle_datagram(now_, Route{from, server().ip, 0}, bytes, outlet_);
  flush_worker();
}

Simulation::Strayed Simulation::strayed(const SocketAddress& to) const {
  const auto it = strayed_.find(to);
  return it == strayed_.end() ? Strayed() : it->second;
}

void Simulation::drive(ClientId id) {
  Client& client = clients_.at(id);
  Datagram datagram;
  while (client.browser->poll_transmit(datagram))
    if (!client.gone) fly(client.up, true, client.address, datagram.to, std::move(datagram.bytes));
  const Instant at = client.browser->next_timeout();
  if (at >= client.scheduled) return;
  client.scheduled = at;
  deadlines_.push(at, id);
}

// Time.

Instant Simulation::next() const {
  Instant at = std::min(deadlines_.next(), worker_->next_timeout());
  if (!flights_.empty()) at = std::min(at, flights_.top().at);
  return at;
}

void Simulation::step(Instant at) {
  now_ = std::max(now_, at);
  while (!flights_.empty() && flights_.top().at <= now_) {
    Flight flight = std::move(const_cast<Flight&>(flights_.top()));
    flights_.pop();
    if (flight.to_server) {
      if (flight.to != server()) continue;
      if (tap_) tap_(flight.from, flight.bytes);
      worker_->handle_datagram(now_, Route{flight.from, server().ip, 0}, flight.bytes, outlet_);
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
  flush_worker();
  if (worker_->next_timeout() <= now_) {
    worker_->handle_timeout(now_, outlet_);
    flush_worker();
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
