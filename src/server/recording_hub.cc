#include "server/recording_hub.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "net/clock.h"
#include "record/finish.h"
#include "record/pictures.h"
#include "record/upgrade.h"

namespace loopcast::server {
namespace {

namespace fs = std::filesystem;

// An id is a file's name: nothing in it may lead elsewhere.
bool is_safe(const std::string& id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
}

std::string name_of(std::optional<wire::Codec> codec) {
  if (!codec) return {};
  std::string name(wire::codec_name(*codec));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

app::RecordingFacts facts_of(const record::Finished& finished) {
  app::RecordingFacts facts;
  facts.file = fs::path(finished.path).filename().string();
  facts.duration = finished.duration;
  facts.width = finished.width;
  facts.height = finished.height;
  facts.video_codec = name_of(finished.video);
  if (finished.sound) facts.audio_codec = name_of(wire::Codec::kOpus);
  facts.bytes = finished.bytes;
  return facts;
}

// What it throws, as for want of memory, is a failure like any other of the storage.
Expected<record::Finished> finish_or_fail(const std::string& folder, const std::string& id) {
  try {
    return record::finish(folder, id);
  } catch (const std::exception& e) {
    return Error{"recording_storage", e.what()};
  }
}

}  // namespace

RecordingHub::RecordingHub(boost::asio::io_context& context, MediaHub& media,
                           RecordingThread::Options options)
    : context_(context),
      media_(media),
      folder_(options.folder),
      writer_(std::move(options), ports()) {
  media_.on_recorder_batch([this](sfu::PacketBatch&& batch) { writer_.take(std::move(batch)); });
}

RecordingThread::Ports RecordingHub::ports() {
  RecordingThread::Ports ports;
  ports.trouble = [this](app::RecordingTrouble trouble) { report(std::move(trouble)); };
  ports.unfit = [this](const std::string& recording, app::MediaId publisher) {
    report(app::RecordingUnfit{recording, publisher, net::wall_now()});
  };
  ports.closed = [this](const std::string& recording) {
    finisher_.post([this, recording] { finish_file(recording); });
  };
  ports.wants_keyframe = [this](app::MediaId publisher) {
    boost::asio::post(context_, [this, publisher] { media_.request_keyframe(publisher); });
  };
  ports.wants_description = [this](app::MediaId publisher) {
    boost::asio::post(context_, [this, publisher] {
      media_.untap(publisher);
      media_.tap(publisher, kKeyframeInterval);
    });
  };
  return ports;
}

void RecordingHub::start(EventHandler handler) {
  handler_ = std::move(handler);
  painter_.post([this] { upgrade_files(); });
}

void RecordingHub::upgrade_files() {
  const record::Upgraded upgraded = record::upgrade_folder(folder_, stopping_);
  if (upgraded.files > 0)
    spdlog::info("{} recordings of an earlier version have an index now that all browsers read",
                 upgraded.files);
  if (upgraded.failed > 0)
    spdlog::warn(
        "{} recordings still have an index that Firefox does not read; the next start "
        "tries again: {}",
        upgraded.failed, upgraded.error.message);
}

void RecordingHub::give_up() {
  stopping_.store(true);
  finish_again_.cancel();
}

void RecordingHub::stop() {
  give_up();
  writer_.stop();
  finisher_.stop();
  painter_.stop();
}

void RecordingHub::report(app::RecorderEvent event) {
  boost::asio::post(context_, [this, event = std::move(event)]() mutable {
    if (const auto* trouble = std::get_if<app::RecordingTrouble>(&event)) {
      spdlog::error("recording {}: {}", trouble->recording, trouble->error.message);
      // One that ends early is whole as far as it goes.
      if (trouble->error.code != "disk_low") troubled_.insert(trouble->recording);
    } else if (auto* finished = std::get_if<app::RecordingFinished>(&event)) {
      finished->damaged |= troubled_.erase(finished->recording) > 0;
    } else if (const auto* lost = std::get_if<app::RecordingLost>(&event)) {
      spdlog::warn("recording {}: {}", lost->recording, lost->error.message);
      troubled_.erase(lost->recording);
    }
    handler_(std::move(event));
  });
}

void RecordingHub::start(const std::string& recording, app::MediaId publisher) {
  if (!is_safe(recording)) return;
  const auto [it, inserted] = publisher_of_.try_emplace(recording, publisher);
  if (!inserted) media_.untap(std::exchange(it->second, publisher));
  // The writer hears of it before the first packets can come.
  writer_.record(recording, publisher);
  media_.tap(publisher, kKeyframeInterval);
}

void RecordingHub::finish(const std::string& recording) {
  if (!is_safe(recording))
    return report(app::RecordingLost{recording, {"not_found", "There is no such recording."}});
  if (const auto it = publisher_of_.find(recording); it != publisher_of_.end()) {
    media_.untap(it->second);
    publisher_of_.erase(it);
  }
  writer_.close(recording);
}

void RecordingHub::finish_file(const std::string& recording) {
  const auto finished = finish_or_fail(folder_, recording);
  if (!finished && finished.error().code != "recording_empty") {
    // What is on the disk is not given up for an error of the disk.
    return finish_later({recording, finished.error()});
  }
  if (!finished) return report(app::RecordingLost{recording, finished.error()});
  report(app::RecordingFinished{recording, facts_of(*finished), finished->cut});
  if (finished->video)
    painter_.post([this, recording, path = finished->path] { make_pictures(recording, path); });
}

void RecordingHub::finish_later(app::RecordingTrouble trouble) {
  boost::asio::post(context_, [this, trouble = std::move(trouble)]() mutable {
    const std::string recording = trouble.recording;
    if (!troubled_.contains(recording)) report(std::move(trouble));
    if (stopping_ || !unfinished_.insert(recording).second || unfinished_.size() > 1) return;
    finish_again_.expires_after(kFinishAgain);
    finish_again_.async_wait([this](boost::system::error_code error) {
      if (error || stopping_) return;
      for (const std::string& id : std::exchange(unfinished_, {}))
        finisher_.post([this, id] { finish_file(id); });
    });
  });
}

void RecordingHub::make_pictures(const std::string& recording, const std::string& path) {
  if (stopping_) return;
  const std::string prefix = (fs::path(folder_) / recording).string();
  const record::Pictures made = record::make_pictures("/proc/self/exe", path, prefix, stopping_);
  (made.thumbnail ? pictures_made_ : pictures_failed_).fetch_add(1, std::memory_order_relaxed);
  // A recording that was removed meanwhile leaves nothing behind.
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return remove_files(recording);
  report(app::RecordingPictures{recording, made.thumbnail, made.sprites});
}

void RecordingHub::remove(const std::string& recording) {
  if (!is_safe(recording)) return report(app::RecordingRemoved{recording, ok()});
  finisher_.post([this, recording] {
    remove_files(recording);
    std::error_code error;
    for (const auto format : {record::Format::kMp4, record::Format::kWebm})
      if (fs::exists(record::finished_path(folder_, recording, format), error))
        return report(app::RecordingRemoved{
            recording, Error{"recording_storage", "The recording's file could not be deleted."}});
    report(app::RecordingRemoved{recording, ok()});
  });
}

void RecordingHub::remove_files(const std::string& recording) {
  std::error_code ignored;
  for (const auto format : {record::Format::kMp4, record::Format::kWebm}) {
    fs::remove(record::growing_path(folder_, recording, format), ignored);
    fs::remove(record::finished_path(folder_, recording, format), ignored);
    fs::remove(record::finished_path(folder_, recording, format) + ".new", ignored);
  }
  for (const char* name : {".jpg", ".sprite.jpg", ".sprite.json"})
    fs::remove(fs::path(folder_) / (recording + name), ignored);
}

}  // namespace loopcast::server
