#include <algorithm>
#include <cctype>

#include "http/stream_impl.h"

namespace loopcast::http {
namespace {

class PlainStream final : public LayerStream<TcpSocket> {
 public:
  using LayerStream::LayerStream;

  Task<error_code> handshake() override { co_return error_code(); }

  int kernel_socket() override {
    error_code error;
    layer_.native_non_blocking(true, error);
    return error ? -1 : layer_.native_handle();
  }

  Task<error_code> wait_writable() override {
    error_code error;
    co_await layer_.async_wait(TcpSocket::wait_write, asio::redirect_error(use_task, error));
    co_return error;
  }

  Task<> shutdown() override {
    error_code ignored;
    layer_.shutdown(TcpSocket::shutdown_send, ignored);
    co_return;
  }

  void end_output() override {
    error_code ignored;
    layer_.shutdown(TcpSocket::shutdown_send, ignored);
  }
};

// A base64 text of 16 bytes (RFC 6455, section 4.1).
bool is_websocket_key(std::string_view text) {
  constexpr size_t kLength = 24;
  return text.size() == kLength && text.ends_with("==") &&
         std::ranges::all_of(text.substr(0, kLength - 2), [](unsigned char c) {
           return std::isalnum(c) || c == '+' || c == '/';
         });
}

}  // namespace

std::unique_ptr<Stream> make_plain_stream(TcpSocket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

std::optional<Response> find_handshake_fault(const Request& request, unsigned version) {
  const Headers& headers = request.headers;
  if (list_has_token(headers.list("upgrade"), "websocket") &&
      trim(headers.list("sec-websocket-version")) != "13") {
    // RFC 6455, section 4.4.
    Response response =
        Response::problem(426, "bad_handshake", "This is not version 13 of WebSocket");
    response.set("Sec-WebSocket-Version", "13");
    response.set("Upgrade", "websocket");
    return response;
  }
  if (request.method == "GET" && version >= 11 &&
      list_has_token(headers.list("connection"), "upgrade") &&
      list_has_token(headers.list("upgrade"), "websocket") &&
      is_websocket_key(trim(headers.list("sec-websocket-key"))))
    return std::nullopt;
  return Response::problem(400, "bad_handshake", "This is no WebSocket handshake");
}

}  // namespace loopcast::http
