#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "http/stream_impl.h"

namespace loopcast::http {
namespace {

using TlsLayer = asio::ssl::stream<TcpSocket>;

class TlsStream final : public LayerStream<TlsLayer> {
 public:
  using LayerStream::LayerStream;

  Task<error_code> handshake() override {
    error_code error;
    co_await layer_.async_handshake(asio::ssl::stream_base::server,
                                    asio::redirect_error(use_task, error));
    co_return error;
  }

  // What is encrypted here passes through here.
  int kernel_socket() override { return -1; }
  Task<error_code> wait_writable() override { co_return asio::error::operation_not_supported; }

  Task<> shutdown() override {
    error_code ignored;
    co_await layer_.async_shutdown(asio::redirect_error(use_task, ignored));
  }

  // After close_notify Asio reads no more.
  void end_output() override {}
};

}  // namespace

std::unique_ptr<Stream> make_tls_stream(TcpSocket socket,
                                        const std::shared_ptr<asio::ssl::context>& context) {
  // OpenSSL counts the references to its context: this one lives on when a reload replaces it.
  return std::make_unique<TlsStream>(TlsLayer(std::move(socket), *context));
}

}  // namespace loopcast::http
