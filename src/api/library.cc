#include "api/library.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>

#include "api/present.h"
#include "app/messages.h"
#include "http/offload.h"

namespace loopcast::api {

using app::Code;
using app::make_error;
using http::offload;
using http::Task;

struct Library::Removal {
  explicit Removal(http::asio::io_context& context) : wake(context) {}
  http::Timer wake;
  std::optional<Status> done;
};

Library::Library(http::asio::io_context& context, app::RecordingStore& store,
                 app::Recordings& recordings, http::Pool& database, LibraryOptions options,
                 LibraryPorts ports)
    : context_(context),
      store_(store),
      library_(store),
      recordings_(recordings),
      database_(database),
      options_(options),
      ports_(std::move(ports)),
      timer_(context) {}

Status Library::start(const app::LinkKey& fresh) {
  const auto key = store_.link_key(fresh);
  if (!key) return key.error();
  key_ = *key;
  const auto unfinished = store_.unfinished_recordings();
  if (!unfinished) return unfinished.error();
  // What lists are made from is read now, and not while the first who asks for one waits.
  if (const auto read = store_.recording_usage(std::nullopt); !read) return read.error();
  recordings_.resume(*unfinished);
  pump();
  return ok();
}

void Library::air_changed(const app::AirChange& change) {
  if (change.awaited || change.on_air) {
    const bool fresh = there_.emplace(change.broadcast_id, change).second;
    if (change.record && fresh) {
      record(change, nullptr);
      http::asio::co_spawn(context_, check_quota(change.user.id), http::asio::detached);
    }
    if (change.on_air) recordings_.heard(ports_.wall_now(), change.broadcast_id);
  } else {
    there_.erase(change.broadcast_id);  // or it was away, and nobody waits any more
    recordings_.stop(ports_.now(), change.broadcast_id, change.lost);
  }
  pump();
}

void Library::give_up(const std::string& user_id, const std::string& broadcast_id) {
  recordings_.give_up(user_id, broadcast_id);
  pump();
}

void Library::record_call(const app::RecordBroadcast& call) {
  const auto found = there_.find(call.broadcast_id);
  if (found == there_.end()) return;
  if (call.on) {
    record(found->second, &call);
    http::asio::co_spawn(context_, check_quota(found->second.user.id), http::asio::detached);
  } else {
    recordings_.stop(ports_.now(), call.broadcast_id, false);
  }
  pump();
}

void Library::record(const app::AirChange& broadcast, const app::RecordBroadcast* call) {
  app::RecordingStart start;
  if (call != nullptr) {
    start.co_owner_id = call->co_owner_id;
    start.call_id = call->call_id;
  }
  start.broadcast_id = broadcast.broadcast_id;
  start.replaces = broadcast.replaces;
  start.publisher = broadcast.media;
  start.heard = !broadcast.awaited;
  start.owner = broadcast.user;
  // What only some may watch is not for everybody afterwards.
  if (!broadcast.listed) start.visibility = app::Visibility::kPrivate;
  start.title = broadcast.user.nickname;
  start.location = ports_.locate(broadcast.address);
  recordings_.start(ports_.now(), ports_.wall_now(), std::move(start));
}

void Library::handle(app::RecorderEvent event) {
  recordings_.handle(std::move(event));
  pump();
}

void Library::shutdown() {
  recordings_.shutdown();
  pump();
}

Task<> Library::settle() {
  constexpr std::chrono::milliseconds kLook{20};
  const auto end = std::chrono::steady_clock::now() + kSettleTime;
  while ((recordings_.finishing() > 0 || writing_) && std::chrono::steady_clock::now() < end) {
    http::Timer look(context_);
    look.expires_after(kLook);
    boost::system::error_code ignored;
    co_await look.async_wait(http::asio::redirect_error(http::use_task, ignored));
  }
  timer_.cancel();
  // What is not written down by now is what the next start goes on with, as after a crash.
  given_up_ = true;
}

void Library::pump() {
  app::RecordingNotice notice;
  while (recordings_.poll_notice(notice)) {
    if (notice.trouble) {
      ports_.log(fmt::format("recording {}: {}: {}", notice.id, notice.trouble->code,
                             notice.trouble->message));
      ports_.tell(notice);  // at once: the database may be in the same trouble
      if (notice.trouble->code == app::name_of(Code::kQuotaReached))
        ports_.audit({.what = "recording_quota",
                      .result = *notice.trouble,
                      .user_id = notice.owners.empty() ? std::string() : notice.owners.front(),
                      .detail = notice.id});
    } else {
      held_.push_back(std::move(notice));
    }
  }
  app::RemovalDone removal;
  while (recordings_.poll_removal(removal)) {
    if (!removal.done)
      ports_.log(fmt::format("recording {}: {}", removal.id, removal.done.error().message));
    const auto waiting = removals_.find(removal.id);
    if (waiting == removals_.end()) continue;
    waiting->second->done = std::move(removal.done);
    waiting->second->wake.cancel();
    removals_.erase(waiting);
  }
  arm();
  if (writing_) return;
  writing_ = true;
  http::asio::co_spawn(context_, write_down(), http::asio::detached);
}

void Library::arm() {
  const Instant next = recordings_.next_timeout();
  if (next.is_never()) {
    timer_.cancel();
    return;
  }
  const Duration wait = std::max(Duration(), next - ports_.now());
  timer_.expires_after(std::chrono::microseconds(wait.us()));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    recordings_.handle_timeout(ports_.now());
    pump();
  });
}

Task<> Library::write_down() {
  for (;;) {
    Batch batch;
    app::RecordingWrite write;
    while (recordings_.poll_write(write)) batch.push_back(std::move(write));
    if (batch.empty()) break;
    for (;;) {
      auto work = [this, batch] { return apply(batch); };
      const Status done = co_await offload(database_, std::move(work));
      failing_ = !done;
      if (done) break;
      ++writes_failed_;
      ports_.log(fmt::format("recordings: {}", done.error().message));
      if (given_up_) co_return;
      http::Timer pause(context_);
      pause.expires_after(kWriteRetry);
      boost::system::error_code ignored;
      co_await pause.async_wait(http::asio::redirect_error(http::use_task, ignored));
      if (given_up_) co_return;
    }
  }
  writing_ = false;
  for (const auto& notice : std::exchange(held_, {})) ports_.tell(notice);
}

// The disk is waited for once, however many broadcasts began and ended while it was waited for
// last: the thread that does this answers every authentication as well.
Status Library::apply(const Batch& batch) {
  if (Status begun = store_.begin_writes(); !begun) return begun;
  Status done = ok();
  for (size_t i = 0; done && i < batch.size(); ++i) done = apply(batch[i]);
  if (done) done = store_.end_writes();
  if (!done) store_.cancel_writes();
  return done;
}

Status Library::apply(const app::RecordingWrite& write) {
  struct Apply {
    Library& self;
    app::RecordingStore& store;
    Status operator()(const app::AddRecording& w) { return store.add_recording(w.recording); }
    Status operator()(const app::SetRecordingState& w) {
      return store.set_recording_state(w.id, w.state);
    }
    Status operator()(const app::FinishRecording& w) {
      return store.finish_recording(w.id, w.state, w.facts);
    }
    Status operator()(const app::SetRecordingPictures& w) {
      std::optional<app::SpriteSheet> sprites;
      if (w.sprites) sprites = self.ports_.read_sprites(w.id);
      return store.set_recording_pictures(w.id, w.thumbnail, sprites);
    }
    Status operator()(const app::MarkRecording& w) {
      return store.set_recording_removing(w.id, true);
    }
    Status operator()(const app::RestoreRecording& w) {
      return store.set_recording_removing(w.id, false);
    }
    Status operator()(const app::RemoveRecording& w) { return store.remove_recording(w.id); }
  };
  return std::visit(Apply{*this, store_}, write);
}

Task<Expected<app::RecordingPage>> Library::list(std::string user_id, app::RecordingFilter filter,
                                                 uint64_t page, uint32_t size) {
  auto work = [this, user_id, filter, page, size] {
    return library_.list(user_id, filter, page, size);
  };
  co_return co_await offload(database_, std::move(work));
}

Task<Expected<app::Recording>> Library::find(std::string user_id, std::string id) {
  auto work = [this, user_id, id] { return library_.find(user_id, id); };
  co_return co_await offload(database_, std::move(work));
}

Task<Expected<app::Recording>> Library::edit(std::string user_id, std::string id,
                                             app::RecordingEdit edit) {
  auto work = [this, user_id, id, edit] { return library_.edit(user_id, id, edit); };
  co_return co_await offload(database_, std::move(work));
}

Task<Status> Library::remove(std::string user_id, std::string id) {
  auto work = [this, user_id, id] { return library_.begin_removal(user_id, id); };
  const Status begun = co_await offload(database_, std::move(work));
  if (!begun) co_return begun;
  const auto removal = std::make_shared<Removal>(context_);
  removals_[id] = removal;
  recordings_.remove(id);
  pump();
  if (!removal->done) {
    removal->wake.expires_after(kRemovalTimeout);
    boost::system::error_code cancelled;
    co_await removal->wake.async_wait(http::asio::redirect_error(http::use_task, cancelled));
  }
  if (!removal->done) co_return make_error(Code::kTimeout);
  if (!*removal->done) co_return make_error(Code::kRecordingStorage);
  co_return ok();
}

Expected<Library::Room> Library::room_of(const std::string& user_id,
                                         const std::vector<app::RecordingInProgress>& in_progress,
                                         WallTime now) {
  const auto used = library_.usage(user_id);
  if (!used) return used.error();
  const auto quota = library_.quota(user_id, options_.quota);
  if (!quota) return quota.error();
  Room room{*used, *quota};
  // Their rows say nothing of what they take before they are finished.
  for (const app::RecordingInProgress& recording : in_progress) {
    if (recording.owner_id != user_id) continue;
    room.used.bytes += ports_.written(recording.id);
    if (!recording.finishing)
      room.used.time =
          room.used.time + Duration::micros(std::max<int64_t>(0, now.us - recording.started_at.us));
  }
  return room;
}

Task<Expected<Library::Room>> Library::room(std::string user_id) {
  auto work = [this, user_id, in_progress = recordings_.in_progress(), at = ports_.wall_now()] {
    return room_of(user_id, in_progress, at);
  };
  co_return co_await offload(database_, std::move(work));
}

Task<> Library::check_quota(std::string user_id) {
  const auto found = co_await room(user_id);
  if (!found) co_return;  // the next round asks again
  recordings_.set_quota_state(user_id, app::quota_state(found->quota, found->used));
  pump();
}

Task<> Library::check_quotas() {
  std::unordered_set<std::string> owners;
  for (const auto& recording : recordings_.in_progress())
    if (!recording.finishing) owners.insert(recording.owner_id);
  for (const std::string& owner : owners) co_await check_quota(owner);
}

Task<> Library::remove_marked() {
  auto work = [this] { return store_.unfinished_recordings(); };
  const auto unfinished = co_await offload(database_, std::move(work));
  if (!unfinished) co_return;  // the next round says so, if it still matters
  for (const app::Recording& recording : *unfinished)
    if (recording.removing && !recordings_.is_busy(recording.id)) recordings_.remove(recording.id);
  pump();
}

Task<> Library::expire() {
  co_await remove_marked();
  auto work = [this, at = ports_.wall_now()] {
    return library_.expired(options_.retention, at, kExpiredPerRound);
  };
  const auto expired = co_await offload(database_, std::move(work));
  if (!expired) {
    ports_.log(fmt::format("retention: {}", expired.error().message));
    co_return;
  }
  std::string lines;
  for (const auto& recording : *expired)
    lines += fmt::format("\n  {} of {}, {} bytes", recording.id, iso_time(recording.started_at),
                         recording.bytes);
  if (options_.retention_dry_run) {
    if (lines != dry_run_ && !lines.empty())
      ports_.log_expired(fmt::format("retention would delete {}:{}", expired->size(), lines));
    dry_run_ = std::move(lines);
    co_return;
  }
  if (!lines.empty())
    ports_.log_expired(fmt::format("retention deletes {}:{}", expired->size(), lines));
  for (const auto& recording : *expired) {
    auto mark = [this, id = recording.id] { return library_.begin_expiry(id); };
    const Status begun = co_await offload(database_, std::move(mark));
    if (!begun) continue;  // somebody else was faster, or the database fails
    ports_.audit(
        {.what = "recording_expiry", .user_id = recording.owner_id, .detail = recording.id});
    recordings_.remove(recording.id);
    pump();
  }
}

std::string Library::link(std::string_view file, const app::LinkHolder& holder) const {
  return app::make_media_link(key_, file, holder, ports_.wall_now());
}

Task<Expected<app::Recording>> Library::follow(std::string file, std::string expires,
                                               app::LinkHolder holder, std::string signature) {
  if (!app::check_media_link(key_, file, expires, holder, signature, ports_.wall_now()))
    co_return make_error(Code::kForbidden);
  auto work = [this, holder,
               id = std::string(app::recording_of_file(file))]() -> Expected<app::Recording> {
    const auto holds = ports_.session_holds(holder);
    if (!holds) return holds.error();
    if (!*holds) return make_error(Code::kForbidden);
    return library_.find(holder.user_id, id);
  };
  co_return co_await offload(database_, std::move(work));
}

}  // namespace loopcast::api
