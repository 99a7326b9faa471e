#include "server/recording_thread.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "net/clock.h"

namespace loopcast::server {
namespace {

Error disk_low() {
  return {"disk_low", "The disk is nearly full: the recording ends, and no other one begins."};
}

// Free bytes for this process; nullopt: the system does not say.
std::optional<uint64_t> free_bytes(const std::string& folder) {
  struct statvfs facts {};
  if (::statvfs(folder.c_str(), &facts) != 0) return std::nullopt;
  return uint64_t{facts.f_bavail} * facts.f_frsize;
}

Error too_fast() {
  return {"recording_rate", "It sends more than is recorded: a part is missing."};
}

Error overloaded() {
  return {"recording_overloaded", "The disk is too slow for all recordings: a part is missing."};
}

}  // namespace

RecordingThread::RecordingThread(Options options, Ports ports)
    : options_(std::move(options)), ports_(std::move(ports)), thread_([this] { run(); }) {}

void RecordingThread::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_release);
  waker_.wake();
  thread_.join();
  syncer_.stop();
  copier_.stop();
}

void RecordingThread::record(const std::string& recording, app::MediaId publisher) {
  (void)commands_.post(Start{recording, publisher});  // which has room
}

void RecordingThread::close(const std::string& recording) {
  (void)commands_.post(Close{recording});  // which has room
}

void RecordingThread::take(sfu::PacketBatch&& batch) {
  const size_t size = batch.bytes.size();
  const app::MediaId publisher = batch.publisher;
  const bool fits = bytes_waiting_.fetch_add(size, std::memory_order_relaxed) + size <= kMaxBytes;
  if (fits && batches_.post(std::move(batch))) return;
  bytes_waiting_.fetch_sub(size, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  ++dropped_;
  dropped_of_.insert(publisher);
}

RecordingFigures RecordingThread::figures() const {
  const std::lock_guard lock(mutex_);
  RecordingFigures figures = published_;
  figures.batches_dropped = dropped_;
  figures.syncs = syncs_.load(std::memory_order_relaxed);
  return figures;
}

void RecordingThread::run() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), "record");
  while (!stopping_.load(std::memory_order_acquire)) {
    wait();
    turn();
  }
  turn();
  // What nobody finished: it is on the disk, and the next start finds it.
  const Instant now = net::now();
  for (auto& [id, active] : active_)
    guard(id, [&, this, &id = id, &active = active] {
      active.recording.finish(now);
      write(now, id, active);
    });
  await_restored();
}

template <typename Work>
void RecordingThread::guard(const std::string& id, Work&& work) {
  try {
    work();
  } catch (const std::exception& e) {
    ++own_.writes_failed;
    ports_.trouble({id, {"recording_storage", std::string("Recording failed: ") + e.what()}});
  }
}

void RecordingThread::wait() {
  const Instant now = net::now();
  Instant until = active_.empty() ? Instant::never() : next_sync_;
  for (const auto& [id, active] : active_)
    if (!active.ended) until = std::min(until, active.recording.next_timeout());
  int timeout_ms = -1;
  if (!until.is_never())
    timeout_ms = static_cast<int>(std::clamp<int64_t>((until - now).us() / 1000 + 1, 0, 10'000));
  pollfd fd{waker_.fd(), POLLIN, 0};
  ::poll(&fd, 1, timeout_ms);
}

void RecordingThread::turn() {
  waker_.clear();
  // Batches first: whatever is among them, its Start is among the commands then.
  batches_.take(taken_batches_);
  commands_.take(taken_commands_);
  const Instant now = net::now();
  for (const Command& command : taken_commands_)
    if (const auto* begin = std::get_if<Start>(&command))
      guard(begin->recording, [&] { start(*begin); });
  for (sfu::PacketBatch& batch : taken_batches_) {
    const auto id = by_publisher_.find(batch.publisher);
    guard(id == by_publisher_.end() ? std::string() : id->second, [&] { take_batch(now, batch); });
  }
  taken_batches_.clear();
  guard({}, [&] { note_drops(); });
  guard({}, [&] { note_sync_failures(); });
  guard({}, [&] { note_restored(); });
  guard({}, [&] { look_at_disk(now); });
  for (auto& [id, active] : active_)
    guard(id, [&, &id = id, &active = active] { turn_of(now, id, active); });
  for (const Command& command : taken_commands_)
    if (const auto* end = std::get_if<Close>(&command))
      guard(end->recording, [&] { close(now, end->recording); });
  taken_commands_.clear();
  guard({}, [&] { sync(now); });
  own_.active = active_.size();
  const std::lock_guard lock(mutex_);
  published_ = own_;
}

void RecordingThread::turn_of(Instant now, const std::string& id, Active& active) {
  if (disk_low_) end_for_disk(now, id, active);
  if (active.ended) return;
  if (active.recording.next_timeout() <= now) active.recording.handle_timeout(now);
  write(now, id, active);
  if (active.recording.take_over_rate()) tell(id, active, too_fast());
  if (active.recording.take_keyframe_request(now)) ports_.wants_keyframe(active.publisher);
}

void RecordingThread::look_at_disk(Instant now) {
  if (options_.disk_floor == 0 || active_.empty() || now < disk_looked_at_ + kSyncInterval) return;
  disk_looked_at_ = now;
  const auto free = free_bytes(options_.folder);
  disk_low_ = free && *free < options_.disk_floor;
}

void RecordingThread::end_for_disk(Instant now, const std::string& id, Active& active) {
  if (active.ended) return;
  active.recording.finish(now);
  write(now, id, active);
  active.ended = true;
  tell(id, active, disk_low());
}

void RecordingThread::start(const Start& command) {
  const auto [it, inserted] =
      active_.try_emplace(command.recording, own_.media, options_.folder, command.recording);
  Active& active = it->second;
  by_publisher_.erase(active.publisher);
  active.publisher = command.publisher;
  active.described = false;
  by_publisher_[command.publisher] = command.recording;
}

void RecordingThread::take_batch(Instant now, sfu::PacketBatch& batch) {
  bytes_waiting_.fetch_sub(batch.bytes.size(), std::memory_order_relaxed);
  const auto id = by_publisher_.find(batch.publisher);
  const auto it = id == by_publisher_.end() ? active_.end() : active_.find(id->second);
  if (!batch.streams.empty() || batch.last) unfit_.erase(batch.publisher);
  if (it == active_.end() || unfit_.contains(batch.publisher)) {
    ++own_.batches_unknown;
    return;
  }
  Active& active = it->second;
  if (active.ended) return;
  if (!active.recording.fits(batch.streams)) {
    active.publisher = 0;
    const std::string recording = it->first;
    by_publisher_.erase(batch.publisher);
    unfit_.insert(batch.publisher);
    return ports_.unfit(recording, batch.publisher);
  }
  if (!batch.streams.empty()) active.described = true;
  if (!active.described && !batch.last) {
    active.described = true;  // asked for once
    ports_.wants_description(batch.publisher);
    return;
  }
  active.recording.take(now, batch);
}

void RecordingThread::write(Instant now, const std::string& id, Active& active) {
  const record::Recording::Output output = active.recording.take_output();
  // Times that cannot be put right are as they were.
  for (const record::Patch& patch : output.patches)
    if (!active.file.overwrite(patch)) ++own_.writes_failed;
  if (output.fragments.empty()) return;
  if (Status written = active.file.append(now, *active.recording.format(), output.fragments);
      !written) {
    ++own_.writes_failed;
    active.recording.note_unwritten(output);
    tell(id, active, std::move(written.error()));
  } else {
    own_.bytes += output.fragments.size();
  }
  if (auto mishap = active.file.take_mishap()) tell(id, active, std::move(*mishap));
  if (!active.restoration && active.file.has_restoration()) restore(active);
}

void RecordingThread::tell(const std::string& id, Active& active, Error error) {
  if (active.told.insert(error.code).second) ports_.trouble({id, std::move(error)});
}

void RecordingThread::note_drops() {
  std::unordered_set<app::MediaId> publishers;
  {
    const std::lock_guard lock(mutex_);
    publishers.swap(dropped_of_);
  }
  for (const app::MediaId publisher : publishers) {
    const auto id = by_publisher_.find(publisher);
    if (id == by_publisher_.end()) continue;
    Active& active = active_.at(id->second);
    active.recording.note_loss();
    tell(id->second, active, overloaded());
  }
}

void RecordingThread::note_sync_failures() {
  std::vector<SyncFailure> failures;
  {
    const std::lock_guard lock(mutex_);
    failures.swap(sync_failures_);
  }
  for (SyncFailure& failure : failures) {
    ++own_.syncs_failed;
    const auto it = active_.find(failure.recording);
    // It has ended meanwhile: what is said of it is said of what is finished.
    if (it == active_.end())
      ports_.trouble({std::move(failure.recording), std::move(failure.error)});
    else
      tell(it->first, it->second, std::move(failure.error));
  }
}

void RecordingThread::restore(Active& active) {
  const auto restoration = active.file.take_restoration();
  copier_.post([this, restoration] {
    restoration->run();
    // Who is about to wait for it has looked at it under the lock.
    { const std::lock_guard lock(mutex_); }
    restored_one_.notify_all();
    waker_.wake();
  });
  active.restoration = restoration;
}

void RecordingThread::note_restored() {
  for (auto it = active_.begin(); it != active_.end();) {
    auto& [id, active] = *it++;  // which may be erased
    if (!active.restoration || !active.restoration->is_over()) continue;
    const auto restoration = std::exchange(active.restoration, nullptr);
    guard(id, [&, &id = id, &active = active] {
      active.file.end_restoration(*restoration);
      if (auto mishap = active.file.take_mishap()) tell(id, active, std::move(*mishap));
    });
    if (active.closing) end(id);
  }
}

// At the end of the server: what is being written anew is to be whole.
void RecordingThread::await_restored() {
  const auto is_under_way = [](const auto& entry) { return entry.second.restoration != nullptr; };
  const auto is_over = [](const auto& entry) {
    return entry.second.restoration && entry.second.restoration->is_over();
  };
  while (std::ranges::any_of(active_, is_under_way)) {
    {
      std::unique_lock lock(mutex_);
      restored_one_.wait(lock, [&] { return std::ranges::any_of(active_, is_over); });
    }
    note_restored();
  }
}

void RecordingThread::sync(Instant now) {
  if (now < next_sync_) return;
  next_sync_ = now + kSyncInterval;
  // A disk that is slower than this rhythm has its own.
  if (syncing_.load(std::memory_order_acquire)) return;
  struct Unsynced {
    std::string recording;
    int fd;
  };
  std::vector<Unsynced> files;
  for (auto& [id, active] : active_)
    if (const int fd = active.file.take_unsynced(); fd >= 0) files.push_back({id, fd});
  if (files.empty()) return;
  syncing_.store(true, std::memory_order_relaxed);
  syncer_.post([this, files = std::move(files)] {
    for (const auto& [recording, fd] : files) {
      // The kernel tells an error of writing back once: who does not hear it takes what is lost
      // for written.
      const int error = ::fdatasync(fd) == 0 ? 0 : errno;
      ::close(fd);
      if (error == 0) continue;
      const std::lock_guard lock(mutex_);
      sync_failures_.push_back({recording, record::storage_error(error, recording)});
    }
    syncs_.fetch_add(files.size(), std::memory_order_relaxed);
    syncing_.store(false, std::memory_order_release);
    waker_.wake();
  });
}

void RecordingThread::close(Instant now, const std::string& id) {
  if (const auto it = active_.find(id); it != active_.end()) {
    Active& active = it->second;
    guard(id, [&] {
      if (active.ended) return;
      active.recording.finish(now);
      write(now, id, active);
    });
    by_publisher_.erase(active.publisher);
    // What ends while it is being written anew is to be whole. The others do not wait for that:
    // note_restored() ends it.
    active.ended = active.closing = true;
    if (active.restoration) return;
  }
  end(id);
}

void RecordingThread::end(const std::string& id) {
  const std::string recording = id;  // which may be the key of what is erased
  if (const auto it = active_.find(recording); it != active_.end()) {
    by_publisher_.erase(it->second.publisher);
    active_.erase(it);
  }
  ports_.closed(recording);
}

}  // namespace loopcast::server
