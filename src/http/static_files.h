// Files of one folder, for browsers: the web app, and recordings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace loopcast::http {

struct StaticOptions {
  std::string root;
  // Paths with this beginning have hashes in their names and never change.
  std::string immutable_prefix = "/assets/";
  // An unknown path without an extension is answered with /index.html (the web app's own router
  // shows it) to whoever takes HTML, and one with an extension to whoever asks for HTML by name,
  // unless it begins with one of these.
  bool single_page_app = true;
  std::vector<std::string> api_prefixes = {"/api/", "/socket.io/", "/whip", "/whep"};
  std::string content_security_policy = {};  // empty: no such header
};

// The headers that every answer to a browser carries.
void add_security_headers(Headers& headers, std::string_view content_security_policy);

// Answers GET and HEAD from an open folder. Never leaves the folder, follows no symbolic link and
// serves no name that begins with a dot. Files are opened on the calling thread and read by the
// server on another one.
class StaticFiles {
 public:
  explicit StaticFiles(StaticOptions options);

  Response handle(const Request& request) const;

 private:
  StaticOptions options_;
};

// One regular file as the answer to `request`: ETag, Last-Modified, the conditions of conditions.h,
// If-Range and one Range (RFC 9110, sections 13 and 14). Takes the descriptor.
// 404 if it is not a regular file.
Response serve_file(const Request& request, int fd, std::string_view content_type);

// By the name's extension; "application/octet-stream" if it is unknown.
std::string_view content_type_of(std::string_view name);

// Opens `path` (as in Request::path) below `root` for reading; -1 if it is not there, is not a
// regular file, or if a component is a symbolic link or begins with a dot.
int open_beneath(const std::string& root, std::string_view path);

}  // namespace loopcast::http
