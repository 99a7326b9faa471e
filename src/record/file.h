// A file that is written and read at offsets. Errors are values with a code of app/recorder.h:
// "disk_full" or "recording_storage".
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/expected.h"

namespace loopcast::record {

class File {
 public:
  // Makes a new one, which must not exist yet.
  static Expected<File> create(const std::string& path);
  static Expected<File> open(const std::string& path);
  // The same one once more, for another thread; its size is that of now.
  Expected<File> again() const;
  File(File&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), size_(other.size_) {}
  File& operator=(File&& other) noexcept;
  ~File();

  // Everything or an error.
  Status write(uint64_t offset, Bytes bytes);
  // False: the file ends before, or cannot be read.
  bool read(uint64_t offset, MutableBytes into) const;
  Status truncate(uint64_t size);
  // To the disk itself.
  Status sync() const;
  // Whether its name is still there: a file whose folder was removed takes everything, and keeps
  // nothing.
  bool is_linked() const;
  // Copies `size` bytes of another file, within the kernel where that is possible.
  Status copy_from(const File& from, uint64_t from_offset, uint64_t offset, uint64_t size);

  uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  // For Syncer; -1 on error.
  int duplicate() const;

 private:
  File(int fd, std::string path, uint64_t size) : fd_(fd), path_(std::move(path)), size_(size) {}
  int fd_;
  std::string path_;
  uint64_t size_;
};

// Of `errno`.
Error storage_error(int error, const std::string& path);
// Makes a change of names in the folder of `path` durable.
Status sync_folder(const std::string& path);

}  // namespace loopcast::record
