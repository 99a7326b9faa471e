// HTTP/1.1 over one kept connection, one request at a time, blocking: for threads that have nothing
// else to do.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/expected.h"
#include "net/fd.h"

namespace loopcast::load {

struct HttpResponse {
  unsigned status = 0;
  std::string location;  // empty if there is none
  std::string link;      // likewise
  std::string body;
};

class HttpClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit HttpClient(const SocketAddress& server) : server_(server) {}

  // Connects if it has to. Errors: "http_failed" with a sentence.
  Expected<HttpResponse> send(std::string_view method, const std::string& target,
                              const std::string& body, const Headers& headers);

 private:
  Status connect();
  Expected<HttpResponse> exchange(const std::string& request);

  SocketAddress server_;
  net::Fd socket_;
};

}  // namespace loopcast::load
