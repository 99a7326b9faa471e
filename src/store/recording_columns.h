// What lists of recordings are filtered by, held in memory: about 60 bytes and the title for each
// recording. No index of a table answers every combination of filters with an exact count: reading
// a million rows takes SQLite a tenth of a second and more, reading these columns some
// milliseconds (docs/decisions/0009-recordings-filtered-in-memory.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/recording_store.h"

namespace loopcast::store {

// One row as its columns see it.
struct RecordingColumnsRow {
  int64_t number = 0;
  WallTime started_at;
  Duration duration;
  std::string owner_id;
  std::string co_owner_id;
  std::string presenter;
  std::string other = {};  // the nickname of the other one of a call; empty: of no call, or gone
  std::string title;
  std::string location;
  uint64_t bytes = 0;
  app::Visibility visibility = app::Visibility::kPublic;
  app::RecordingState state = app::RecordingState::kRecording;
  bool removing = false;
  bool of_call = false;
};

class RecordingColumns {
 public:
  struct Found {
    std::vector<int64_t> numbers;  // newest first
    uint64_t total = 0;
  };

  void clear();
  // Adds the row, or replaces the one with its number.
  void put(const RecordingColumnsRow& row);
  // Of one that is not there: no effect.
  void remove(int64_t number);

  Found find(const app::RecordingFilter& filter, uint64_t offset, uint32_t limit) const;
  // Of one owner, or of all: those that are being removed still take their space.
  app::RecordingUsage usage(const std::optional<std::string>& owner_id) const;
  // Those that play.
  std::vector<app::OwnerUsage> usage_by_owner() const;
  size_t size() const { return places_.size(); }

 private:
  // Every distinct text once, by number from 0.
  struct Names {
    uint32_t number_of(std::string_view name);
    // ~0u: nobody.
    uint32_t find(std::string_view name) const;
    struct Hash : std::hash<std::string_view> {
      using is_transparent = void;
    };
    std::vector<std::string> texts;
    std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> numbers;
  };
  struct Entry {
    int64_t number;
    int64_t started_us;
    uint64_t bytes;
    // Which pairs of bytes the title has, hashed: most titles need not be looked at.
    uint64_t title_pairs;
    uint64_t title_at;
    uint32_t title_size;
    uint32_t duration_ms;
    uint32_t owner;
    uint32_t co_owner;
    uint32_t presenter;
    uint32_t other;
    uint32_t location;
    bool gone;
    bool removing;
    bool listed;  // public and ready
    bool plays;
  };
  // A word that is searched for.
  struct Word {
    std::string key;
    uint64_t pairs;
    std::vector<uint8_t> named;  // which of presenters_ have it
  };

  std::string_view title_of(const Entry& entry) const {
    return std::string_view(titles_).substr(entry.title_at, entry.title_size);
  }
  std::vector<Word> words_of(std::string_view text) const;
  bool has(const Entry& entry, const Word& word) const;
  // What the entry takes, added to or taken from the sums.
  void count(const Entry& entry, int sign);
  void compact();

  std::vector<Entry> entries_;                   // oldest first
  std::unordered_map<int64_t, int64_t> places_;  // number → started_us, to find it again
  size_t gone_ = 0;
  std::string titles_;  // their search keys, one behind the other
  size_t titles_gone_ = 0;
  std::vector<app::RecordingUsage> usage_;  // by number of the owner
  app::RecordingUsage total_;
  Names users_;
  Names presenters_;  // search keys
  Names locations_;   // search keys
};

}  // namespace loopcast::store
