// The part of pictures.h that is in the server: starts the picture maker, and takes what it makes.
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/picture_files.h"
#include "record/pictures.h"

namespace loopcast::record {
namespace {

namespace fs = std::filesystem;

// It is asked so often whether the server is being stopped.
constexpr int kLookMs = 200;
// Longer than its processor time, as it has the lowest priority.
constexpr std::chrono::minutes kLongest{30};

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // Above those that the process is to have.
  static Descriptor open(const std::string& path, int flags) {
    const Descriptor low(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    return Descriptor(low.fd_ < 0 ? -1 : ::fcntl(low.fd_, F_DUPFD_CLOEXEC, kPictureFilesEnd));
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class Spawn {
 public:
  Spawn() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;

  bool give(int fd, int as) { return ::posix_spawn_file_actions_adddup2(&actions_, fd, as) == 0; }
  // Signals are blocked in the threads of the server. Nothing of its environment is handed on.
  pid_t run(const std::string& program) {
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    if (::posix_spawnattr_setsigmask(&attributes_, &none) != 0 ||
        ::posix_spawnattr_setsigdefault(&attributes_, &all) != 0 ||
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) !=
            0)
      return -1;
    std::string name = "loopcast-pictures", what = kPictureMaker;
    const std::array<char*, 3> arguments{name.data(), what.data(), nullptr};
    const std::array<char*, 1> environment{nullptr};
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_,
                                    arguments.data(), environment.data());
    return error == 0 ? pid : -1;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// What it says it has made, until it ends or is ended.
std::string wait_for(pid_t pid, int report, const std::atomic<bool>& stop) {
  std::string made;
  const auto until = std::chrono::steady_clock::now() + kLongest;
  for (;;) {
    pollfd fd{report, POLLIN, 0};
    const int ready = ::poll(&fd, 1, kLookMs);
    if (ready > 0) {
      std::array<char, 16> letters;
      const ssize_t n = ::read(report, letters.data(), letters.size());
      if (n > 0) made.append(letters.data(), static_cast<size_t>(n));
      if (n == 0 || (n < 0 && errno != EINTR)) break;
    }
    const bool failed = ready < 0 && errno != EINTR;
    if (failed || stop || std::chrono::steady_clock::now() >= until || made.size() >= 16) break;
  }
  // It may have closed its end and stay. Until it is waited for, its number is nobody else's.
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return made;
}

struct Output {
  std::string path;
  PictureFile as;
  Descriptor file = {};
  std::string fresh() const { return path + ".new"; }
  // A file appears whole or not at all.
  bool keep() const { return std::rename(fresh().c_str(), path.c_str()) == 0; }
};

}  // namespace

Pictures make_pictures(const std::string& program, const std::string& path,
                       const std::string& prefix, const std::atomic<bool>& stop) {
  Pictures pictures;
  std::array<Output, 3> outputs{{{prefix + ".jpg", kThumbnailFile},
                                 {prefix + ".sprite.jpg", kSpritesFile},
                                 {prefix + ".sprite.json", kLayoutFile}}};
  std::array<int, 2> pipe{-1, -1};
  const Descriptor media = Descriptor::open(path, O_RDONLY);
  if (!media.ok() || ::pipe2(pipe.data(), O_CLOEXEC) != 0) return pictures;
  const Descriptor report(pipe[0]);
  Descriptor low(pipe[1]);
  Descriptor reports(::fcntl(low.get(), F_DUPFD_CLOEXEC, kPictureFilesEnd));
  Spawn spawn;
  bool ready =
      reports.ok() && spawn.give(media.get(), kMediaFile) && spawn.give(reports.get(), kReportPipe);
  for (Output& output : outputs) {
    output.file = Descriptor::open(output.fresh(), O_WRONLY | O_CREAT | O_TRUNC);
    ready = ready && output.file.ok() && spawn.give(output.file.get(), output.as);
  }
  if (const pid_t pid = ready ? spawn.run(program) : -1; pid > 0) {
    reports.reset();
    low.reset();
    const std::string made = wait_for(pid, report.get(), stop);
    pictures.thumbnail = made.find(kThumbnailMade) != std::string::npos && outputs[0].keep();
    pictures.sprites =
        made.find(kSpritesMade) != std::string::npos && outputs[1].keep() && outputs[2].keep();
  }
  for (const Output& output : outputs) {
    std::error_code ignored;
    fs::remove(output.fresh(), ignored);
  }
  return pictures;
}

}  // namespace loopcast::record
