#include "record/recording_file.h"

#include <cerrno>
#include <filesystem>

#include "record/finish.h"
#include "record/mp4.h"
#include "record/webm.h"

namespace loopcast::record {
namespace fs = std::filesystem;

Status RecordingFile::make(Format format) {
  auto file = File::create(growing_path(folder_, id_, format));
  if (std::error_code error; !file && !fs::exists(folder_, error) && !error) {
    fs::create_directories(folder_, error);
    file = File::create(growing_path(folder_, id_, format));
  }
  if (!file) return file.error();
  std::vector<uint8_t> head;
  if (format == Format::kMp4) {
    head = mp4_head();
    begin_ = end_ = kMp4FirstFragment;
  } else {
    head = webm_segment();
    const std::vector<uint8_t> room = webm_void(kWebmIndexRoom);
    head.insert(head.end(), room.begin(), room.end());
    begin_ = end_ = kWebmFirstCluster;
  }
  Status written = file->write(0, head);
  // The room is a hole: it takes no place on the disk.
  if (written) written = file->truncate(end_);
  if (!written) {
    std::error_code ignored;
    fs::remove(file->path(), ignored);
    return written;
  }
  // The media are not lost for that: the disk itself is asked about them each second.
  if (Status synced = sync_folder(file->path()); !synced) mishap_ = synced.error();
  file_ = std::move(*file);
  return ok();
}

Expected<std::shared_ptr<Restoration>> RecordingFile::restore() {
  std::error_code ignored;
  fs::create_directories(folder_, ignored);
  auto from = file_->again();
  if (!from) return from.error();
  auto to = File::create(file_->path());
  if (!to) return to.error();
  return std::make_shared<Restoration>(std::move(*from), std::move(*to), end_);
}

std::shared_ptr<Restoration> RecordingFile::take_restoration() {
  return std::exchange(restoration_, nullptr);
}

void RecordingFile::end_restoration(Restoration& restoration) {
  restoring_ = false;
  Status copied = std::move(restoration.done_);
  // What was appended meanwhile.
  if (copied)
    copied = restoration.to_.copy_from(*file_, restoration.size_, restoration.size_,
                                       end_ - restoration.size_);
  if (copied) {
    file_ = std::move(restoration.to_);
    unsynced_ = true;
    mishap_ = Error{"recording_storage",
                    "The recordings folder was removed. The recording was written anew."};
    return;
  }
  std::error_code ignored;
  fs::remove(restoration.to_.path(), ignored);
  mishap_ =
      Error{"recording_storage", "The recordings folder was removed: " + copied.error().message};
}

Status RecordingFile::append(Instant now, Format format, Bytes fragment) {
  if (!file_) {
    if (!last_ && now < retry_at_) return last_;
    retry_at_ = now + kRetry;
    last_ = make(format);
    if (!last_) return last_;
  }
  if (!restoring_ && now >= restore_at_ && !file_->is_linked()) {
    restore_at_ = now + kRetry;
    if (auto restoration = restore()) {
      restoring_ = true;
      restoration_ = std::move(*restoration);
    } else {
      mishap_ = Error{"recording_storage",
                      "The recordings folder was removed: " + restoration.error().message};
    }
  }
  if (Status written = file_->write(end_, fragment); !written) {
    // A half fragment would hide what comes after it, and the next one is written over it.
    if (Status cut = file_->truncate(end_); !cut) mishap_ = cut.error();
    return written;
  }
  end_ += fragment.size();
  unsynced_ = true;
  return ok();
}

Status RecordingFile::overwrite(const Patch& patch) {
  const uint64_t at = begin_ + patch.offset;
  if (!file_ || at + patch.bytes.size() > end_)
    return Error{"recording_storage", "There is nothing to be written anew."};
  // It would be lost in what is being copied.
  if (restoring_) return Error{"recording_storage", "The file is being written anew."};
  if (Status written = file_->write(at, patch.bytes); !written) return written;
  unsynced_ = true;
  return ok();
}

int RecordingFile::take_unsynced() {
  return file_ && std::exchange(unsynced_, false) ? file_->duplicate() : -1;
}

}  // namespace loopcast::record
