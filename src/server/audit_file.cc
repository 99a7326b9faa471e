#include "server/audit_file.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace loopcast::server {

Status AuditFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  std::FILE* file = fd < 0 ? nullptr : ::fdopen(fd, "a");
  if (file == nullptr) {
    const std::string why = std::generic_category().message(errno);
    if (fd >= 0) ::close(fd);
    return Error{"audit_log", fmt::format("The audit log {} cannot be written: {}.", path, why)};
  }
  ::fchmod(fd, 0600);  // also one that was there before
  file_.reset(file);
  return ok();
}

void AuditFile::write(const std::string& line) {
  if (!file_) return;
  std::fputs((line + "\n").c_str(), file_.get());
  std::fflush(file_.get());
}

}  // namespace loopcast::server
