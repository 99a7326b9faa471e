// The keys of all nicknames in their order, in memory: where a part is looked for. Its place in a
// name may be any, and it may have one letter only, for which SQLite has no index.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace loopcast::store {

class NicknameKeys {
 public:
  // Of one that is there already, or is not: no effect.
  void add(std::string_view key);
  void remove(std::string_view key);
  void clear() { keys_.clear(); }

  // The first `limit` keys behind `after` that contain `part`.
  std::vector<std::string> find(std::string_view part, std::string_view after, size_t limit) const;

 private:
  // Keys have no control characters.
  static constexpr char kEnd = '\n';

  // Where the key begins that has this place.
  size_t begin_of(size_t place) const;
  // Where the first key begins that is not before this one.
  size_t place_of(std::string_view key) const;
  bool has(std::string_view key, size_t place) const;

  // One behind the other, so that all are searched at the speed of memory; each with its kEnd.
  std::string keys_;
};

}  // namespace loopcast::store
