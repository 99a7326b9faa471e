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
  if (!file && !fs::exists(folder_)) {
    std::error_code ignored;
    fs::create_directories(folder_, ignored);
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
  sync_folder(file->path());
  file_ = std::move(*file);
  return ok();
}

Status RecordingFile::restore() {
  std::error_code ignored;
  fs::create_directories(folder_, ignored);
  auto file = File::create(file_->path());
  if (!file) return file.error();
  Status copied = file->copy_from(*file_, 0, 0, end_);
  if (!copied) {
    fs::remove(file->path(), ignored);
    return copied;
  }
  file_ = std::move(*file);
  return ok();
}

Status RecordingFile::append(Instant now, Format format, Bytes fragment) {
  if (!file_) {
    if (!last_ && now < retry_at_) return last_;
    retry_at_ = now + kRetry;
    last_ = make(format);
    if (!last_) return last_;
  }
  if (!file_->is_linked() && now >= retry_at_) {
    retry_at_ = now + kRetry;
    const Status restored = restore();
    mishap_ = Error{"recording_storage",
                    restored ? "The recordings folder was removed. The recording was written anew."
                             : "The recordings folder was removed: " + restored.error().message};
  }
  if (Status written = file_->write(end_, fragment); !written) {
    // A half fragment would hide what comes after it.
    static_cast<void>(file_->truncate(end_));
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
  if (Status written = file_->write(at, patch.bytes); !written) return written;
  unsynced_ = true;
  return ok();
}

int RecordingFile::take_unsynced() {
  return file_ && std::exchange(unsynced_, false) ? file_->duplicate() : -1;
}

}  // namespace loopcast::record
