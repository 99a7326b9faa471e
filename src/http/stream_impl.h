// The streams over any of Asio's layers. Included by stream_plain.cc and stream_tls.cc only: what
// is in here takes half a minute to compile.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "http/stream.h"

namespace loopcast::http {

// RFC 6455, section 7.4.2: beyond it there are no close codes.
inline constexpr uint16_t kLastCloseCode = 4999;
// A frame that says that it is larger is refused by its header alone.
inline constexpr size_t kAbsurdFrame = 16 * 1024 * 1024;
// For the WebSocket handshake, and for the closing handshake.
inline constexpr std::chrono::seconds kWebSocketHandshakeTimeout{10};

template <typename Layer>
class LayerWebSocket final : public WebSocket {
 public:
  // No permessage-deflate: it costs memory per client and has a bug in Boost 1.81.
  using Beast = boost::beast::websocket::stream<Layer, false>;

  LayerWebSocket(Layer layer, size_t max_message)
      : beast_(std::move(layer)), max_message_(max_message) {
    using boost::beast::websocket::stream_base;
    stream_base::timeout timeouts{};
    timeouts.handshake_timeout = kWebSocketHandshakeTimeout;
    timeouts.idle_timeout = stream_base::none();  // Engine.IO looks after that
    timeouts.keep_alive_pings = false;
    beast_.set_option(timeouts);
    beast_.read_message_max(kAbsurdFrame);
    beast_.auto_fragment(false);
    // Beast would send a close code that nobody may send back (RFC 6455, section 7.4.2): the
    // connection ends without an answer instead (section 7.1.7).
    beast_.control_callback(
        [this](boost::beast::websocket::frame_type kind, boost::beast::string_view) {
          if (kind != boost::beast::websocket::frame_type::close) return;
          const uint16_t code = beast_.reason().code;
          if (code > kLastCloseCode) abort();
        });
  }

  void limit_messages(size_t bytes) override { max_message_ = bytes; }

  Task<bool> accept(const Request& request) {
    boost::beast::http::request<boost::beast::http::empty_body> handshake;
    handshake.method(boost::beast::http::verb::get);
    handshake.target(request.target);
    // Lists may have come in several lines.
    for (const char* name :
         {"Host", "Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"})
      handshake.set(name, request.headers.list(name));
    error_code error;
    co_await beast_.async_accept(handshake, asio::redirect_error(use_task, error));
    co_return !error;
  }

  Task<std::optional<WebSocketMessage>> read() override {
    do {
      // One byte more than may be, to see that there is one.
      const size_t room = max_message_ + 1 - std::min(max_message_, buffer_.size());
      error_code error;
      co_await beast_.async_read_some(
          buffer_, room,
          asio::bind_cancellation_slot(reading_.slot(), asio::redirect_error(use_task, error)));
      if (error) co_return std::nullopt;
      if (buffer_.size() > max_message_) {
        // Beast's own refusal closes the connection over what the peer has sent meanwhile, and the
        // reset that this is takes the reason with it.
        co_await close_for(boost::beast::websocket::close_code::too_big);
        co_return std::nullopt;
      }
    } while (!beast_.is_message_done());
    const auto data = buffer_.cdata();
    WebSocketMessage message;
    message.data.assign(static_cast<const char*>(data.data()), data.size());
    message.binary = beast_.got_binary();
    buffer_.consume(buffer_.size());
    buffer_.shrink_to_fit();
    co_return message;
  }

  Task<bool> write(std::string_view data, bool binary) override {
    beast_.binary(binary);
    error_code error;
    const auto buffer = asio::buffer(data.data(), data.size());
    co_await beast_.async_write(buffer, asio::redirect_error(use_task, error));
    co_return !error;
  }

  Task<> close() override { return close_for(boost::beast::websocket::close_code::normal); }

  void abort() override {
    error_code ignored;
    beast_.next_layer().lowest_layer().close(ignored);
    // A read that has the peer's close frame waits for the lock of who writes, and a close that has
    // sent its own for the lock of who reads: of the two together neither ends by itself, nor by
    // the end of the socket (Boost.Beast 1.81).
    closing_.emit(asio::cancellation_type::terminal);
    reading_.emit(asio::cancellation_type::terminal);
  }

 private:
  Task<> close_for(boost::beast::websocket::close_code code) {
    // Whoever reads may be at it.
    if (std::exchange(is_closing_, true)) co_return;
    error_code ignored;
    const boost::beast::websocket::close_reason reason(code);
    co_await beast_.async_close(
        reason,
        asio::bind_cancellation_slot(closing_.slot(), asio::redirect_error(use_task, ignored)));
  }

  Beast beast_;
  size_t max_message_;
  bool is_closing_ = false;
  boost::beast::flat_buffer buffer_;
  asio::cancellation_signal reading_, closing_;
};

// What reads and writes alike on every layer.
template <typename Layer>
class LayerStream : public Stream {
 public:
  explicit LayerStream(Layer layer) : layer_(std::move(layer)) {}

  Task<ReadResult> read_some(asio::mutable_buffer buffer) final {
    ReadResult result;
    result.size =
        co_await layer_.async_read_some(buffer, asio::redirect_error(use_task, result.error));
    co_return result;
  }

  Task<error_code> write(std::string_view first, std::string_view second) final {
    const std::array<asio::const_buffer, 2> buffers = {
        asio::const_buffer(first.data(), first.size()),
        asio::const_buffer(second.data(), second.size())};
    error_code error;
    co_await asio::async_write(layer_, buffers, asio::redirect_error(use_task, error));
    co_return error;
  }

  void close() final {
    error_code ignored;
    layer_.lowest_layer().close(ignored);
  }

  void cancel() final {
    error_code ignored;
    layer_.lowest_layer().cancel(ignored);
  }

  Task<std::shared_ptr<WebSocket>> accept_websocket(const Request& request,
                                                    size_t max_message) final {
    auto websocket = std::make_shared<LayerWebSocket<Layer>>(std::move(layer_), max_message);
    const bool accepted = co_await websocket->accept(request);
    if (!accepted) co_return nullptr;
    co_return websocket;
  }

 protected:
  Layer layer_;
};

}  // namespace loopcast::http
