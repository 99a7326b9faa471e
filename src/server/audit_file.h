// The file of the audit log: lines are added to its end.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/expected.h"

namespace loopcast::server {

class AuditFile {
 public:
  // Opens the file, or opens it again after it was moved away; makes it readable by its owner only.
  // Error: "audit_log", and the one that was open stays.
  Status open(const std::string& path);
  // Written at once, so that a crash loses nothing. A full disk loses the line and nothing else.
  void write(const std::string& line);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace loopcast::server
