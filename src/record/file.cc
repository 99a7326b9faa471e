#include "record/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace loopcast::record {
namespace {

// Recordings are for the server alone: who may see one is decided at each request.
constexpr mode_t kMode = 0600;

}  // namespace

Error storage_error(int error, const std::string& path) {
  if (error == ENOSPC || error == EDQUOT)
    return {"disk_full", "The disk is full: " + path + " could not be written."};
  return {"recording_storage",
          "The recording " + path + " could not be written: " + std::strerror(error) + "."};
}

Status sync_folder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return storage_error(errno, folder);
  // File systems that cannot do this for a folder say EINVAL.
  const int error = ::fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
  ::close(fd);
  if (error != 0) return storage_error(error, folder);
  return ok();
}

Expected<File> File::create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
  if (fd < 0) return storage_error(errno, path);
  return File(fd, path, 0);
}

Expected<File> File::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return storage_error(errno, path);
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) {
    const int error = errno;
    ::close(fd);
    return storage_error(error, path);
  }
  return File(fd, path, static_cast<uint64_t>(facts.st_size));
}

Expected<File> File::again() const {
  const int fd = duplicate();
  if (fd < 0) return storage_error(errno, path_);
  return File(fd, path_, size_);
}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Status File::write(uint64_t offset, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return storage_error(n < 0 ? errno : ENOSPC, path_);
    offset += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
    size_ = std::max(size_, offset);
  }
  return ok();
}

bool File::read(uint64_t offset, MutableBytes into) const {
  while (!into.empty()) {
    const ssize_t n = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    offset += static_cast<uint64_t>(n);
    into = into.subspan(static_cast<size_t>(n));
  }
  return true;
}

Status File::truncate(uint64_t size) {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return storage_error(errno, path_);
  size_ = size;
  return ok();
}

Status File::sync() const {
  if (::fdatasync(fd_) != 0) return storage_error(errno, path_);
  return ok();
}

bool File::is_linked() const {
  struct stat facts {};
  return ::fstat(fd_, &facts) == 0 && facts.st_nlink > 0;
}

int File::duplicate() const { return ::fcntl(fd_, F_DUPFD_CLOEXEC, 0); }

Status File::copy_from(const File& from, uint64_t from_offset, uint64_t offset, uint64_t size) {
  auto source = static_cast<off_t>(from_offset), target = static_cast<off_t>(offset);
  while (size > 0) {
    const ssize_t n = ::copy_file_range(from.fd_, &source, fd_, &target, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) {
      std::vector<uint8_t> buffer(std::min<uint64_t>(size, 1 << 20));
      if (!from.read(static_cast<uint64_t>(source), buffer)) return storage_error(EIO, path_);
      if (Status written = write(static_cast<uint64_t>(target), buffer); !written) return written;
      source += static_cast<off_t>(buffer.size());
      target += static_cast<off_t>(buffer.size());
      size -= buffer.size();
      continue;
    }
    if (n <= 0) return storage_error(n < 0 ? errno : EIO, path_);
    size -= static_cast<uint64_t>(n);
    size_ = std::max(size_, static_cast<uint64_t>(target));
  }
  return ok();
}

}  // namespace loopcast::record
