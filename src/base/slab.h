// Objects in slots that are used again, found by an id that goes stale when its object goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "base/prefetch.h"

namespace loopcast {

// An index and the generation that the slot had: an id of a removed object finds nothing.
struct SlabId {
  uint32_t index = 0;
  uint32_t generation = 0;  // 0: no object
  explicit operator bool() const { return generation != 0; }
  bool operator==(const SlabId&) const = default;
};

// Addresses of objects stay valid until they are removed.
template <typename T>
class Slab {
 public:
  template <typename... Args>
  SlabId emplace(Args&&... args) {
    uint32_t index;
    if (free_.empty()) {
      index = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    Slot& slot = slots_[index];
    slot.value.emplace(std::forward<Args>(args)...);
    ++slot.generation;
    ++size_;
    return {index, slot.generation};
  }

  T* find(SlabId id) {
    if (!id || id.index >= slots_.size()) return nullptr;
    Slot& slot = slots_[id.index];
    return slot.generation == id.generation && slot.holds() ? &*slot.value : nullptr;
  }
  const T* find(SlabId id) const { return const_cast<Slab*>(this)->find(id); }

  // Has the first `size` bytes of the object fetched into the processor's cache; harmless for an id
  // that finds nothing.
  void prefetch(SlabId id, size_t size) const {
    if (id.index >= slots_.size()) return;
    loopcast::prefetch(&slots_[id.index], alignof(Slot) + size);
  }

  bool remove(SlabId id) {
    if (!find(id)) return false;
    Slot& slot = slots_[id.index];
    slot.value.reset();
    ++slot.generation;
    free_.push_back(id.index);
    --size_;
    return true;
  }

  size_t size() const { return size_; }

  // Calls f(SlabId, T&) for every object. f may remove the object that it is given.
  template <typename F>
  void for_each(F&& f) {
    for (uint32_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].holds()) f(SlabId{i, slots_[i].generation}, *slots_[i].value);
  }
  template <typename F>
  void for_each(F&& f) const {
    const_cast<Slab*>(this)->for_each([&](SlabId id, const T& object) { f(id, object); });
  }

 private:
  struct Slot {
    // Odd while there is an object, which `value` as well knows, but far from its beginning.
    uint32_t generation = 0;
    std::optional<T> value;
    bool holds() const { return generation % 2 == 1; }
  };
  std::deque<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t size_ = 0;
};

}  // namespace loopcast

template <>
struct std::hash<loopcast::SlabId> {
  size_t operator()(const loopcast::SlabId& id) const noexcept {
    return std::hash<uint64_t>()((uint64_t{id.index} << 32) | id.generation);
  }
};
