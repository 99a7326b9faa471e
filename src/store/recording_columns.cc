#include "store/recording_columns.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "app/search_key.h"

namespace loopcast::store {
namespace {

constexpr uint32_t kNobody = ~uint32_t{0};
// Space of what is gone is taken back when it is this much, and a quarter of all.
constexpr size_t kWorthCompacting = 1024;

// One bit of 64 for each pair of neighbouring bytes.
uint64_t pairs_of(std::string_view text) {
  uint64_t pairs = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const uint32_t pair = (static_cast<uint8_t>(text[i]) << 8) | static_cast<uint8_t>(text[i + 1]);
    pairs |= uint64_t{1} << ((pair * 0x9E3779B1u) >> 26);
  }
  return pairs;
}

// By its last byte, which of a Chinese character's three is the one that tells the most. Titles are
// short: memmem() takes twice as long to begin.
bool contains(std::string_view text, std::string_view part) {
  if (part.empty()) return true;
  if (part.size() > text.size()) return false;
  const size_t before = part.size() - 1;
  const char* at = text.data() + before;
  const char* const end = text.data() + text.size();
  while (at < end) {
    const auto* found = static_cast<const char*>(
        std::memchr(at, static_cast<unsigned char>(part.back()), static_cast<size_t>(end - at)));
    if (found == nullptr) return false;
    if (std::memcmp(found - before, part.data(), before) == 0) return true;
    at = found + 1;
  }
  return false;
}

// Which of the names contain the part.
std::vector<uint8_t> matching(const std::vector<std::string>& names, std::string_view part) {
  std::vector<uint8_t> matches(names.size());
  for (size_t i = 0; i < names.size(); ++i) matches[i] = contains(names[i], part);
  return matches;
}

bool none(const std::vector<uint8_t>& matches) {
  return std::find(matches.begin(), matches.end(), 1) == matches.end();
}

uint32_t clamped_ms(Duration duration) {
  return static_cast<uint32_t>(
      std::clamp<int64_t>(duration.ms(), 0, std::numeric_limits<uint32_t>::max()));
}

// Beyond it, what is left is one word: nobody searches for that many.
constexpr size_t kMaxWords = 8;

// What a page calls this recording, in both languages: whoever reads it searches for that. A title
// that is the presenter's nickname is none.
std::string said_of(const RecordingColumnsRow& row) {
  if (row.of_call) return row.title + "\nCall with " + row.other + "\n与 " + row.other + " 的通话";
  if (row.title.empty() || row.title == row.presenter)
    return "Broadcast by " + row.presenter + "\n" + row.presenter + " 的直播";
  return row.title;
}

}  // namespace

uint32_t RecordingColumns::Names::number_of(std::string_view name) {
  const auto known = numbers.find(name);
  if (known != numbers.end()) return known->second;
  texts.emplace_back(name);
  return numbers.emplace(name, static_cast<uint32_t>(texts.size() - 1)).first->second;
}

uint32_t RecordingColumns::Names::find(std::string_view name) const {
  const auto known = numbers.find(name);
  return known == numbers.end() ? kNobody : known->second;
}

void RecordingColumns::clear() { *this = RecordingColumns(); }

void RecordingColumns::put(const RecordingColumnsRow& row) {
  remove(row.number);
  const std::string title = app::search_key(said_of(row));
  Entry entry{};
  entry.number = row.number;
  entry.started_us = row.started_at.us;
  entry.bytes = row.bytes;
  entry.title_pairs = pairs_of(title);
  entry.title_at = titles_.size();
  entry.title_size = static_cast<uint32_t>(title.size());
  entry.duration_ms = clamped_ms(row.duration);
  entry.owner = users_.number_of(row.owner_id);
  entry.co_owner = row.co_owner_id.empty() ? kNobody : users_.number_of(row.co_owner_id);
  entry.presenter = presenters_.number_of(app::search_key(row.presenter));
  entry.other = row.other.empty() ? kNobody : presenters_.number_of(app::search_key(row.other));
  entry.location = locations_.number_of(app::search_key(row.location));
  entry.removing = row.removing;
  entry.listed = !row.removing && row.visibility == app::Visibility::kPublic &&
                 row.state == app::RecordingState::kReady;
  entry.plays = !row.removing && (row.state == app::RecordingState::kReady ||
                                  row.state == app::RecordingState::kDamaged);
  titles_ += title;
  count(entry, 1);
  const auto at =
      std::upper_bound(entries_.begin(), entries_.end(), entry, [](const Entry& a, const Entry& b) {
        return a.started_us != b.started_us ? a.started_us < b.started_us : a.number < b.number;
      });
  entries_.insert(at, entry);
  places_.emplace(row.number, entry.started_us);
}

void RecordingColumns::remove(int64_t number) {
  const auto place = places_.find(number);
  if (place == places_.end()) return;
  auto entry = std::lower_bound(
      entries_.begin(), entries_.end(), place->second,
      [](const Entry& e, int64_t started_us) { return e.started_us < started_us; });
  while (entry->number != number || entry->gone) ++entry;
  entry->gone = true;
  count(*entry, -1);
  titles_gone_ += entry->title_size;
  ++gone_;
  places_.erase(place);
  if (gone_ >= kWorthCompacting && gone_ * 4 >= entries_.size()) compact();
}

void RecordingColumns::count(const Entry& entry, int sign) {
  if (usage_.size() <= entry.owner) usage_.resize(entry.owner + 1);
  for (app::RecordingUsage* usage : {&usage_[entry.owner], &total_}) {
    usage->bytes += sign > 0 ? entry.bytes : -entry.bytes;
    usage->count += static_cast<uint64_t>(sign);
    usage->time = usage->time + Duration::millis(sign * int64_t{entry.duration_ms});
  }
}

void RecordingColumns::compact() {
  std::erase_if(entries_, [](const Entry& e) { return e.gone; });
  gone_ = 0;
  std::string titles;
  titles.reserve(titles_.size() - titles_gone_);
  for (Entry& entry : entries_) {
    const std::string_view title = title_of(entry);
    entry.title_at = titles.size();
    titles += title;
  }
  titles_ = std::move(titles);
  titles_gone_ = 0;
}

std::vector<RecordingColumns::Word> RecordingColumns::words_of(std::string_view text) const {
  std::vector<Word> words;
  const std::string key = app::search_key(text);
  std::string_view rest = key;
  while (!rest.empty()) {
    const size_t end =
        words.size() + 1 < kMaxWords ? std::min(rest.find(' '), rest.size()) : rest.size();
    const std::string_view word = rest.substr(0, end);
    if (!word.empty())
      words.push_back({std::string(word), pairs_of(word), matching(presenters_.texts, word)});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return words;
}

bool RecordingColumns::has(const Entry& entry, const Word& word) const {
  if (word.named[entry.presenter] != 0) return true;
  if (entry.other != kNobody && word.named[entry.other] != 0) return true;
  return (entry.title_pairs & word.pairs) == word.pairs && contains(title_of(entry), word.key);
}

RecordingColumns::Found RecordingColumns::find(const app::RecordingFilter& filter, uint64_t offset,
                                               uint32_t limit) const {
  Found found;
  const std::vector<Word> words = words_of(filter.text);
  const bool by_presenter = !filter.presenter.empty();
  const bool by_location = !filter.location.empty();
  const auto presenters = matching(presenters_.texts, app::search_key(filter.presenter));
  const auto locations = matching(locations_.texts, app::search_key(filter.location));
  if ((by_presenter && none(presenters)) || (by_location && none(locations))) return found;
  const uint32_t owner = filter.owned_by ? users_.find(*filter.owned_by) : kNobody;
  if (filter.owned_by && owner == kNobody) return found;
  const uint32_t shortest = filter.min_duration ? clamped_ms(*filter.min_duration) : 0;
  const uint32_t longest = filter.max_duration ? clamped_ms(*filter.max_duration) : kNobody;

  const auto earlier = [](const Entry& e, int64_t us) { return e.started_us < us; };
  const auto later = [](int64_t us, const Entry& e) { return us < e.started_us; };
  const auto first =
      filter.from ? std::lower_bound(entries_.begin(), entries_.end(), filter.from->us, earlier)
                  : entries_.begin();
  auto entry =
      filter.to ? std::upper_bound(first, entries_.end(), filter.to->us, later) : entries_.end();
  while (entry != first) {
    --entry;
    if (entry->gone || entry->removing) continue;
    const bool shown =
        filter.owned_by ? entry->owner == owner || entry->co_owner == owner : entry->listed;
    if (!shown || entry->duration_ms < shortest || entry->duration_ms > longest) continue;
    if (by_presenter && presenters[entry->presenter] == 0) continue;
    if (by_location && locations[entry->location] == 0) continue;
    if (!std::ranges::all_of(words, [&](const Word& word) { return has(*entry, word); })) continue;
    if (found.total >= offset && found.numbers.size() < limit)
      found.numbers.push_back(entry->number);
    ++found.total;
  }
  return found;
}

app::RecordingUsage RecordingColumns::usage(const std::optional<std::string>& owner_id) const {
  if (!owner_id) return total_;
  const uint32_t owner = users_.find(*owner_id);
  return owner < usage_.size() ? usage_[owner] : app::RecordingUsage();
}

std::vector<app::OwnerUsage> RecordingColumns::usage_by_owner() const {
  std::vector<uint64_t> bytes(users_.texts.size());
  for (const Entry& entry : entries_)
    if (!entry.gone && entry.plays) bytes[entry.owner] += entry.bytes;
  std::vector<app::OwnerUsage> owners;
  for (size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] > 0) owners.push_back({users_.texts[i], bytes[i]});
  return owners;
}

}  // namespace loopcast::store
