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
};

}  // namespace

std::unique_ptr<Stream> make_plain_stream(TcpSocket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

bool is_websocket_handshake(const Request& request) {
  return request.method == "GET" && list_has_token(request.header("connection"), "upgrade") &&
         list_has_token(request.header("upgrade"), "websocket") &&
         request.header("sec-websocket-version") == "13" &&
         !request.header("sec-websocket-key").empty();
}

}  // namespace loopcast::http
