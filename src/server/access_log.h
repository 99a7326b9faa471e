// A log of HTTP requests, one line each: time, request id, client, method, path, status, bytes,
// milliseconds, user agent.
#pragma once

#include <string>

#include "base/expected.h"
#include "base/random.h"
#include "base/time.h"
#include "http/server.h"
#include "server/log_file.h"

namespace loopcast::server {

// Values in query strings are not written, since some of them are secrets.
class AccessLog {
 public:
  // `thread` outlives this.
  AccessLog(JobThread& thread, Random& random);

  // Appends to the file, which only its owner can read. Error: "access_log".
  Status open(const std::string& path);
  // False: the disk does not keep up, and the line is left out.
  bool write(WallTime now, const http::AccessEntry& entry);
  // Opens the file again by its name, after it was moved away.
  void reopen() { file_.reopen(); }

 private:
  LogFile file_;
  // Ids begin with what tells this run from others, and go on with a number.
  std::string start_;
  uint64_t next_ = 0;
};

// The path, and the names of its query parameters: "/media/x.mp4?e=&s=". Everything that could be
// taken for the end of a line or of a field is escaped.
std::string loggable_target(std::string_view target);

}  // namespace loopcast::server
