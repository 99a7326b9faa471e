// What clients that have not signed in make the server keep: one budget for all of them together,
// in which whoever holds least goes first.
//
// A stranger costs little by itself; thousands are the danger. Every place that keeps something for
// a client (a connection, an Engine.IO session) has a share here and says how large it is. When the
// budget is used up, room is made by ending the strangers of the address that holds most, those
// that are idle first, so that nobody who comes with little is kept out by those who came with
// much. A client that signs in takes its shares out of the budget.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/address.h"
#include "base/ip_prefix.h"

namespace loopcast::http {

class StrangerShare;

class Strangers {
 public:
  // What an address may hold before another one's size counts against it: enough for a page that
  // signs in, over TLS as well. A part of small budgets.
  static constexpr size_t kFairShare = 256 * 1024;

  // `budget`: bytes of all strangers together.
  explicit Strangers(size_t budget)
      : budget_(budget), fair_share_(std::min(kFairShare, budget / 8)) {}
  Strangers(const Strangers&) = delete;
  Strangers& operator=(const Strangers&) = delete;

  size_t bytes() const { return bytes_; }
  size_t shares() const { return shares_; }
  // Strangers that were ended for others, and requests for more that were refused.
  uint64_t evicted() const { return evicted_; }
  uint64_t refused() const { return refused_; }

 private:
  friend class StrangerShare;
  struct Host {
    IpPrefix key;
    size_t bytes = 0;
    uint64_t arrival = 0;  // grows from one to the next
    // Oldest first.
    std::list<StrangerShare*> idle;
    std::list<StrangerShare*> busy;
  };

  Host& host_of(const IpAddress& ip);
  void add(Host& host, size_t bytes);
  void take(Host& host, size_t bytes);
  void forget_if_empty(Host& host);
  // Of those that are idle, if there are any.
  static StrangerShare* oldest_of(const Host& host);
  bool make_room(const Host& asker, const StrangerShare* share, size_t bytes);

  const size_t budget_;
  const size_t fair_share_;
  size_t bytes_ = 0;
  size_t shares_ = 0;
  uint64_t evicted_ = 0;
  uint64_t refused_ = 0;
  std::unordered_map<IpPrefix, Host> hosts_;
  std::set<std::pair<size_t, Host*>> by_size_;
  std::map<uint64_t, Host*> by_arrival_;
  uint64_t arrivals_ = 0;
};

// What one connection or session holds. Gives it back when it goes.
class StrangerShare {
 public:
  // `evict` ends the holder when its room is needed for others. It is called at most once, from
  // within resize() of another share, and must not destroy any share.
  StrangerShare(std::shared_ptr<Strangers> strangers, const IpAddress& from,
                std::function<void()> evict);
  ~StrangerShare();
  StrangerShare(const StrangerShare&) = delete;
  StrangerShare& operator=(const StrangerShare&) = delete;

  // Holds so many bytes from now on. False: there is no room, and it holds what it held. Always
  // true once it is admitted.
  bool resize(size_t bytes);
  // Idle ones are ended before those that are in the middle of something.
  void set_idle(bool idle);
  // It is another address that it is held for: a proxy has said so.
  void move_to(const IpAddress& from);
  // The client has signed in: it counts no more.
  void admit();
  bool admitted() const { return admitted_; }

 private:
  friend class Strangers;
  void leave();

  std::shared_ptr<Strangers> strangers_;
  std::function<void()> evict_;
  Strangers::Host* host_;  // nullptr: admitted or evicted
  std::list<StrangerShare*>::iterator place_;
  size_t bytes_ = 0;
  bool idle_ = false;
  bool admitted_ = false;
};

}  // namespace loopcast::http
