// A connection's bytes, plain or TLS, and what becomes of it after a WebSocket handshake. The heavy
// templates behind these live in stream_plain.cc and stream_tls.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>

#include "http/message.h"
#include "http/task.h"

namespace loopcast::http {

struct WebSocketMessage {
  std::string data;
  bool binary = false;
};

// One reader and one writer at a time; close() counts as a writer.
class WebSocket {
 public:
  virtual ~WebSocket() = default;
  // From the next message on. Larger ones end it with close code 1009.
  virtual void limit_messages(size_t bytes) = 0;
  // nullopt: closed by the peer, broken, or a message that is too large or malformed.
  virtual Task<std::optional<WebSocketMessage>> read() = 0;
  // False: broken. `data` stays valid until it returns.
  virtual Task<bool> write(std::string_view data, bool binary) = 0;
  // The closing handshake, for a few seconds at most.
  virtual Task<> close() = 0;
  // Closes the connection at once; what is under way fails.
  virtual void abort() = 0;
};

struct ReadResult {
  error_code error;
  size_t size = 0;
};

// One reader and one writer at a time.
class Stream {
 public:
  virtual ~Stream() = default;
  // TLS; does nothing for plain connections.
  virtual Task<error_code> handshake() = 0;
  virtual Task<ReadResult> read_some(asio::mutable_buffer buffer) = 0;
  virtual Task<error_code> write(std::string_view first, std::string_view second) = 0;
  // Where the kernel may write by itself what is next (sendfile); -1: everything must go through
  // write(). Non-blocking; wait_writable() says when to go on.
  virtual int kernel_socket() = 0;
  virtual Task<error_code> wait_writable() = 0;
  // Tells the peer that no more comes.
  virtual Task<> shutdown() = 0;
  // The same where the peer's bytes can be read on afterwards; nothing where they cannot (TLS).
  virtual void end_output() = 0;
  // What is under way fails, and the connection stays.
  virtual void cancel() = 0;
  // Closes the connection at once; what is under way fails.
  virtual void close() = 0;
  // Answers a WebSocket handshake (RFC 6455, section 4.2) for which find_handshake_fault() found
  // nothing. The stream is used up. nullptr: the connection broke.
  virtual Task<std::shared_ptr<WebSocket>> accept_websocket(const Request& request,
                                                            size_t max_message) = 0;
};

std::unique_ptr<Stream> make_plain_stream(TcpSocket socket);
std::unique_ptr<Stream> make_tls_stream(TcpSocket socket,
                                        const std::shared_ptr<asio::ssl::context>& context);

// The refusal of a request that asks for a WebSocket in a form that accept_websocket() does not
// take (RFC 6455, section 4.2.1). `version` of HTTP as Beast has it.
std::optional<Response> find_handshake_fault(const Request& request, unsigned version);

}  // namespace loopcast::http
