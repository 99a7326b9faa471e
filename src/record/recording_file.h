// The growing file of one recording: appends what Recording gives out, whatever happens to the
// disk.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "base/expected.h"
#include "base/time.h"
#include "record/file.h"
#include "record/track.h"

namespace loopcast::record {

// A file whose folder was removed, on its way to a new one. What was written when this was made is
// copied by run(), on a thread that may wait for the disk; the rest by RecordingFile.
class Restoration {
 public:
  Restoration(File from, File to, uint64_t size)
      : from_(std::move(from)), to_(std::move(to)), size_(size) {}
  // Never throws, so that who waits for the end of it always hears of it.
  void run() noexcept {
    try {
      done_ = to_.copy_from(from_, 0, 0, size_);
    } catch (const std::exception&) {
      // For want of memory: `done_` says that it was not copied, without taking any more.
    }
    over_.store(true, std::memory_order_release);
  }
  // From any thread: run() has come to its end.
  bool is_over() const { return over_.load(std::memory_order_acquire); }

 private:
  friend class RecordingFile;
  File from_;
  File to_;
  uint64_t size_;
  Status done_ = Error{"recording_storage", "It could not be copied."};
  std::atomic<bool> over_ = false;
};

class RecordingFile {
 public:
  // A file that could not be made or moved is tried again after this long.
  static constexpr Duration kRetry = Duration::seconds(2);

  RecordingFile(std::string folder, std::string id)
      : folder_(std::move(folder)), id_(std::move(id)) {}

  // Appends one fragment, whole or not at all: after an error, "disk_full" or "recording_storage",
  // the file is as it was before. The next call tries again.
  Status append(Instant now, Format format, Bytes fragment);

  // In place of what was appended before; its offset counts from the first fragment. After an error
  // what was there is there still, or a part of it.
  Status overwrite(const Patch& patch);

  // Something was lost that could be put right: the folder was removed, and the file has been
  // written anew. Told once each time.
  std::optional<Error> take_mishap() { return std::exchange(mishap_, std::nullopt); }
  // What is to be run so that it is written anew, and then to be given back. Until then it goes on
  // where nobody will find it. nullptr: nothing is to be done.
  std::shared_ptr<Restoration> take_restoration();
  bool has_restoration() const { return restoration_ != nullptr; }
  void end_restoration(Restoration& restoration);
  // To hand to a thread that waits for the disk; -1 if there is nothing new.
  int take_unsynced();
  uint64_t bytes() const { return file_ ? file_->size() : 0; }

 private:
  Status make(Format format);
  Expected<std::shared_ptr<Restoration>> restore();

  std::string folder_;
  std::string id_;
  std::optional<File> file_;
  uint64_t begin_ = 0;  // of the first fragment
  uint64_t end_ = 0;
  bool unsynced_ = false;
  Instant retry_at_;
  Instant restore_at_;
  Status last_ = ok();
  std::optional<Error> mishap_;
  bool restoring_ = false;
  std::shared_ptr<Restoration> restoration_;  // until it is taken
};

}  // namespace loopcast::record
