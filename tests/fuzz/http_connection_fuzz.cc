// The bytes of one HTTP connection, as a stranger or a proxy sends them: heads, bodies of both
// forms, requests one after the other. The first byte says whether it is the proxy, and in which
// portions the rest is read.
#include <algorithm>
#include <cstdlib>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>

#include "base/bytes.h"
#include "http/connection.h"

using namespace loopcast;
using namespace loopcast::http;

namespace {

constexpr size_t kMaxBody = 512;
constexpr size_t kMaxStrangerBody = 64;

void require(bool holds) {
  if (!holds) std::abort();
}

class MemoryStream final : public Stream {
 public:
  MemoryStream(Bytes input, size_t portion, std::string& output)
      : input_(input), portion_(portion), output_(output) {}

  Task<error_code> handshake() override { co_return error_code(); }
  Task<ReadResult> read_some(asio::mutable_buffer buffer) override {
    ReadResult result;
    result.size = std::min({portion_, buffer.size(), input_.size()});
    if (result.size == 0) result.error = asio::error::eof;
    std::copy_n(input_.data(), result.size, static_cast<uint8_t*>(buffer.data()));
    input_ = input_.subspan(result.size);
    co_return result;
  }
  Task<error_code> write(std::string_view first, std::string_view second) override {
    output_.append(first).append(second);
    co_return error_code();
  }
  int kernel_socket() override { return -1; }
  Task<error_code> wait_writable() override { co_return error_code(); }
  Task<> shutdown() override { co_return; }
  void end_output() override {}
  void cancel() override {}
  void close() override { input_ = {}; }
  Task<std::shared_ptr<WebSocket>> accept_websocket(const Request&, size_t) override {
    co_return nullptr;
  }

 private:
  Bytes input_;
  size_t portion_;
  std::string& output_;
};

// What lasts for all runs: none of it remembers anything of one that matters to the next.
struct Fixture {
  Fixture() {
    const Handler echo = [this](Request request) -> Task<Response> {
      require(request.path.starts_with('/') && request.body.size() <= kMaxBody);
      require(signed_in || request.body.size() <= kMaxStrangerBody);
      co_return Response::text(std::move(request.body));
    };
    for (const char* method : {"GET", "POST", "PATCH"})
      router.add(method, "/echo/{name}", echo, {.max_body = kMaxBody});
    router.add_cors({.prefix = "/echo", .origins = {"https://example.org"}});
  }

  ServerOptions options() {
    ServerOptions options;
    options.trusted_proxies = {*IpPrefix::parse("192.0.2.1/32")};
    options.max_stranger_body = kMaxStrangerBody;
    options.authenticate = [this](const Request&,
                                  std::string token) -> Task<std::optional<Response>> {
      std::optional<Response> refusal;
      signed_in |= token == "good";
      if (token != "good") refusal = Response::problem(401, "not_signed_in", "Please sign in");
      co_return refusal;
    };
    return options;
  }

  bool signed_in = false;  // somebody of this connection
  asio::io_context context{1};
  Router router;
  HttpCounters counters;
  std::shared_ptr<ServerContext> server =
      std::make_shared<ServerContext>(router, options(), counters, 1);
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static Fixture fixture;
  const SocketAddress peer{IpAddress::v4(192, 0, 2, (data[0] & 1) ? 1 : 2), 1000};
  const size_t portion = (data[0] & 2) ? 7 : size;
  std::string output;
  fixture.signed_in = false;
  {
    auto connection = std::make_shared<Connection>(
        fixture.server, fixture.context.get_executor(),
        std::make_unique<MemoryStream>(Bytes(data + 1, size - 1), portion, output), peer, false);
    asio::co_spawn(fixture.context, Connection::run(std::move(connection)), asio::detached);
  }
  fixture.context.restart();
  fixture.context.poll();
  require(output.empty() || output.starts_with("HTTP/1.1 "));
  // Nothing is kept of it.
  require(fixture.server->connections.empty() && fixture.counters.connections == 0);
  require(fixture.server->users == 0 && fixture.server->large_bodies == 0);
  require(fixture.server->strangers->bytes() == 0 && fixture.counters.handler_exceptions == 0);
  return 0;
}
