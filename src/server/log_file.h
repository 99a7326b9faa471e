// A file that lines are added to, by a thread that has time for it: a slow disk holds up nobody.
#pragma once

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "base/expected.h"
#include "server/job_thread.h"

namespace loopcast::server {

class LogFile {
 public:
  // Lines that wait for the disk, some hundred bytes each.
  static constexpr size_t kQueue = 4096;

  // `thread` outlives this, and writes what still waits before it ends.
  explicit LogFile(JobThread& thread) : thread_(thread), state_(std::make_shared<State>()) {}

  // Opens the file before anything is written; makes it readable by its owner only. Error:
  // "log_file", with what the system says.
  Status open(const std::string& path);
  // The line is written after those before it, so that a crash loses at most what waits. False: too
  // many wait, and it is left out. What a full disk does not take is lost, and nothing else.
  bool write(std::string line);
  // Opens the file again by its name, after it was moved away, for the lines that come from now on.
  // If that fails the operator is told, and the one that was open stays.
  void reopen();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;
  struct State {
    File file;  // of the thread, once it is open
    std::atomic<size_t> waiting = 0;
  };
  static Expected<File> open_file(const std::string& path);

  JobThread& thread_;
  std::string path_;
  std::shared_ptr<State> state_;
};

}  // namespace loopcast::server
