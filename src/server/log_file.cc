#include "server/log_file.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace loopcast::server {

Expected<LogFile::File> LogFile::open_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  File file(fd < 0 ? nullptr : ::fdopen(fd, "a"));
  if (!file) {
    const std::string why = std::generic_category().message(errno);
    if (fd >= 0) ::close(fd);
    return Error{"log_file", fmt::format("{} cannot be written: {}.", path, why)};
  }
  ::fchmod(fd, 0600);  // also one that was there before
  return file;
}

Status LogFile::open(const std::string& path) {
  auto file = open_file(path);
  if (!file) return file.error();
  path_ = path;
  state_->file = std::move(*file);
  return ok();
}

bool LogFile::write(std::string line) {
  if (state_->waiting >= kQueue) return false;
  ++state_->waiting;
  line += '\n';
  thread_.post([state = state_, text = std::move(line)] {
    --state->waiting;
    std::fputs(text.c_str(), state->file.get());
    std::fflush(state->file.get());
  });
  return true;
}

void LogFile::reopen() {
  thread_.post([state = state_, path = path_] {
    auto file = open_file(path);
    if (file)
      state->file = std::move(*file);
    else
      spdlog::error("log: {}", file.error().message);
  });
}

}  // namespace loopcast::server
