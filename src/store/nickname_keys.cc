#include "store/nickname_keys.h"

#include <cstring>

namespace loopcast::store {

size_t NicknameKeys::begin_of(size_t place) const {
  if (place == 0) return 0;
  const size_t end_before = keys_.rfind(kEnd, place - 1);
  return end_before == std::string::npos ? 0 : end_before + 1;
}

size_t NicknameKeys::place_of(std::string_view key) const {
  size_t from = 0, to = keys_.size();
  while (from < to) {
    const size_t begin = begin_of(from + (to - from) / 2);
    const size_t end = keys_.find(kEnd, begin);
    if (std::string_view(keys_).substr(begin, end - begin) < key)
      from = end + 1;
    else
      to = begin;
  }
  return from;
}

bool NicknameKeys::has(std::string_view key, size_t place) const {
  const std::string_view rest = std::string_view(keys_).substr(place);
  return rest.starts_with(key) && rest.substr(key.size()).starts_with(kEnd);
}

void NicknameKeys::add(std::string_view key) {
  const size_t place = place_of(key);
  if (has(key, place)) return;
  keys_.insert(place, std::string(key) + kEnd);
}

void NicknameKeys::remove(std::string_view key) {
  const size_t place = place_of(key);
  if (has(key, place)) keys_.erase(place, key.size() + 1);
}

std::vector<std::string> NicknameKeys::find(std::string_view part, std::string_view after,
                                            size_t limit) const {
  std::vector<std::string> found;
  size_t at = after.empty() ? 0 : place_of(after);
  if (!after.empty() && has(after, at)) at += after.size() + 1;
  while (found.size() < limit && at < keys_.size()) {
    // As fast as the machine can, which std::string's own is not.
    const void* hit = ::memmem(keys_.data() + at, keys_.size() - at, part.data(), part.size());
    if (hit == nullptr) break;
    const auto place = static_cast<size_t>(static_cast<const char*>(hit) - keys_.data());
    const size_t begin = begin_of(place);
    const size_t end = keys_.find(kEnd, place);
    found.push_back(keys_.substr(begin, end - begin));
    at = end + 1;
  }
  return found;
}

}  // namespace loopcast::store
