// Whom a datagram belongs to, by where it came from. A table without nodes: a look-up is one trip
// to memory, which can be begun ahead, as the feedback of thousands of viewers finds nothing of
// theirs in the processor's cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/prefetch.h"
#include "base/slab.h"
#include "base/transmit.h"

namespace loopcast::sfu {

// The far end of a Route.
struct RouteKey {
  SocketAddress remote;
  uint32_t tcp = 0;

  RouteKey(const SocketAddress& from, uint32_t connection) : remote(from), tcp(connection) {}
  explicit RouteKey(const Route& route) : RouteKey(route.remote, route.tcp) {}
  RouteKey() = default;
  bool operator==(const RouteKey&) const = default;
};

class RouteTable {
 public:
  size_t size() const { return size_; }

  // An empty id: nobody's.
  SlabId find(const RouteKey& key) const {
    if (slots_.empty()) return {};
    return slots_[index_of(key)].member;
  }
  // Has what find() reads fetched into the processor's cache.
  void prefetch(const RouteKey& key) const {
    if (!slots_.empty()) loopcast::prefetch(&slots_[home_of(key)]);
  }

  // `member` is not empty; takes the place of who was there.
  void set(const RouteKey& key, SlabId member) {
    // At most half full, so that a free slot is near.
    if (2 * (size_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[index_of(key)];
    if (!slot.member) ++size_;
    slot = {key, member};
  }

  void erase(const RouteKey& key) {
    if (slots_.empty()) return;
    size_t hole = index_of(key);
    if (!slots_[hole].member) return;
    --size_;
    // Those behind move up, unless they would pass the slot where their search begins.
    for (size_t i = next(hole); slots_[i].member; i = next(i)) {
      const size_t from_home = (i - home_of(slots_[i].key)) & mask();
      if (from_home < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
  }

 private:
  static constexpr size_t kFewest = 64;

  struct Slot {
    RouteKey key;
    SlabId member;  // empty: the slot is free
  };
  static_assert(sizeof(Slot) == 32, "two of them in a cache line");

  size_t mask() const { return slots_.size() - 1; }
  size_t next(size_t index) const { return (index + 1) & mask(); }
  size_t home_of(const RouteKey& key) const {
    return (std::hash<SocketAddress>()(key.remote) ^ (size_t{key.tcp} * 0x9E3779B97F4A7C15u)) &
           mask();
  }
  // The key's slot, or the free one where it would be.
  size_t index_of(const RouteKey& key) const {
    size_t i = home_of(key);
    while (slots_[i].member && !(slots_[i].key == key)) i = next(i);
    return i;
  }
  void grow() {
    const std::vector<Slot> old =
        std::exchange(slots_, std::vector<Slot>(slots_.empty() ? kFewest : 2 * slots_.size()));
    for (const Slot& slot : old)
      if (slot.member) slots_[index_of(slot.key)] = slot;
  }

  std::vector<Slot> slots_;  // a power of two of them, or none
  size_t size_ = 0;
};

}  // namespace loopcast::sfu
