#include "http/strangers.h"

#include <algorithm>
#include <iterator>

namespace loopcast::http {
namespace {

// The widest network that one customer may have: see base/ip_prefix.h.
IpPrefix widest_network(const IpAddress& ip) {
  const ClientNetworks networks(ip);
  return (networks.end() - 1)->prefix;
}

}  // namespace

Strangers::Host& Strangers::host_of(const IpAddress& ip) {
  const IpPrefix key = widest_network(ip);
  const auto [it, fresh] = hosts_.try_emplace(key);
  Host& host = it->second;
  if (fresh) {
    host.key = key;
    by_size_.emplace(0, &host);
    host.arrival = ++arrivals_;
    by_arrival_.emplace(host.arrival, &host);
  }
  return host;
}

void Strangers::add(Host& host, size_t bytes) {
  // The node is used again: this happens several times for each request.
  auto node = by_size_.extract({host.bytes, &host});
  host.bytes += bytes;
  bytes_ += bytes;
  node.value().first = host.bytes;
  by_size_.insert(std::move(node));
}

void Strangers::take(Host& host, size_t bytes) {
  auto node = by_size_.extract({host.bytes, &host});
  host.bytes -= bytes;
  bytes_ -= bytes;
  node.value().first = host.bytes;
  by_size_.insert(std::move(node));
}

void Strangers::forget_if_empty(Host& host) {
  if (!host.idle.empty() || !host.busy.empty()) return;
  by_size_.erase({host.bytes, &host});
  by_arrival_.erase(host.arrival);
  const IpPrefix key = host.key;
  hosts_.erase(key);
}

StrangerShare* Strangers::oldest_of(const Host& host) {
  return host.idle.empty() ? host.busy.front() : host.idle.front();
}

bool Strangers::make_room(const Host& asker, const StrangerShare* share, size_t bytes) {
  while (bytes_ + bytes > budget_) {
    Host& greatest = *by_size_.rbegin()->second;
    StrangerShare* victim = nullptr;
    if (&greatest == &asker) {
      // Among its own an address gives up what is idle only.
      for (StrangerShare* other : greatest.idle)
        if (other != share) {
          victim = other;
          break;
        }
    } else if (greatest.bytes > fair_share_ && greatest.bytes >= asker.bytes + bytes) {
      victim = oldest_of(greatest);
    } else if (asker.bytes + bytes <= fair_share_) {
      // A crowd of addresses none of which holds much: who has had the most time to sign in gives
      // way, so that whoever has just come can.
      Host& first = *by_arrival_.begin()->second;
      Host* const next = &first != &asker         ? &first
                         : by_arrival_.size() > 1 ? std::next(by_arrival_.begin())->second
                                                  : nullptr;
      if (next) victim = oldest_of(*next);
    }
    if (!victim) return false;
    ++evicted_;
    const std::function<void()> evict = std::exchange(victim->evict_, nullptr);
    victim->leave();
    evict();
  }
  return true;
}

StrangerShare::StrangerShare(std::shared_ptr<Strangers> strangers, const IpAddress& from,
                             std::function<void()> evict)
    : strangers_(std::move(strangers)),
      evict_(std::move(evict)),
      host_(&strangers_->host_of(from)),
      place_(host_->busy.insert(host_->busy.end(), this)) {
  ++strangers_->shares_;
}

StrangerShare::~StrangerShare() { leave(); }

void StrangerShare::leave() {
  if (!host_) return;
  Strangers::Host& host = *std::exchange(host_, nullptr);
  (idle_ ? host.idle : host.busy).erase(place_);
  strangers_->take(host, std::exchange(bytes_, 0));
  strangers_->forget_if_empty(host);
  --strangers_->shares_;
}

bool StrangerShare::resize(size_t bytes) {
  if (admitted_) return true;
  if (!host_) return false;
  if (bytes > bytes_) {
    const size_t more = bytes - bytes_;
    if (!strangers_->make_room(*host_, this, more)) {
      ++strangers_->refused_;
      return false;
    }
    strangers_->add(*host_, more);
  } else if (bytes < bytes_) {
    strangers_->take(*host_, bytes_ - bytes);
  }
  bytes_ = bytes;
  return true;
}

void StrangerShare::set_idle(bool idle) {
  if (!host_ || idle == idle_) return;
  auto& from = idle_ ? host_->idle : host_->busy;
  auto& to = idle ? host_->idle : host_->busy;
  to.splice(to.end(), from, place_);
  idle_ = idle;
}

void StrangerShare::move_to(const IpAddress& from) {
  if (!host_) return;
  Strangers::Host& next = strangers_->host_of(from);
  if (&next == host_) return;
  Strangers::Host& last = *host_;
  auto& to = idle_ ? next.idle : next.busy;
  to.splice(to.end(), idle_ ? last.idle : last.busy, place_);
  strangers_->take(last, bytes_);
  strangers_->add(next, bytes_);
  host_ = &next;
  strangers_->forget_if_empty(last);
}

void StrangerShare::admit() {
  leave();
  admitted_ = true;
}

}  // namespace loopcast::http
