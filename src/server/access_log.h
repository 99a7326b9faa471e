// A log of HTTP requests, one line each: time, request id, client, method, path, status, bytes,
// milliseconds, user agent.
#pragma once

#include <memory>
#include <string>

#include "base/expected.h"
#include "base/random.h"
#include "http/server.h"

namespace loopcast::server {

// Written by a thread of its own: a slow disk holds up nobody, and lines that it cannot take are
// left out. Values in query strings are not written, since some of them are secrets.
class AccessLog {
 public:
  // Appends to the file, which only its owner can read. Error: "access_log".
  static Expected<std::unique_ptr<AccessLog>> open(const std::string& path, Random& random);
  ~AccessLog();

  void write(const http::AccessEntry& entry);
  // Opens the file again by its name, after it was moved away.
  void reopen();

 private:
  struct Writer;
  AccessLog(std::string path, std::string start);
  static Expected<std::unique_ptr<Writer>> open_file(const std::string& path);

  std::string path_;
  std::unique_ptr<Writer> writer_;
  // Ids begin with what tells this run from others, and go on with a number.
  std::string start_;
  uint64_t next_ = 0;
};

// The path, and the names of its query parameters: "/media/x.mp4?e=&s=". Everything that could be
// taken for the end of a line or of a field is escaped.
std::string loggable_target(std::string_view target);

}  // namespace loopcast::server
