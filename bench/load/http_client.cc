#include "http_client.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>
#include <netinet/tcp.h>

#include "net/sockaddr.h"

namespace loopcast::load {
namespace {

namespace http = boost::beast::http;

constexpr long kTimeoutSeconds = 70;  // longer than a long poll

Error failed(std::string_view what) {
  return {"http_failed", fmt::format("{}: {}", what, std::strerror(errno))};
}

}  // namespace

Status HttpClient::connect() {
  socket_ = net::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval timeout{kTimeoutSeconds, 0};
  const int on = 1;
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  net::Sockaddr address{};
  const socklen_t size = net::to_sockaddr(server_, address);
  if (::connect(socket_.get(), &address.any, size) != 0) {
    socket_.reset();
    return failed("connect to " + server_.to_string());
  }
  return ok();
}

Expected<HttpResponse> HttpClient::exchange(const std::string& request) {
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t n = ::send(socket_.get(), &request[sent], request.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return failed("send");
    sent += static_cast<size_t>(n);
  }
  http::response_parser<http::string_body> parser;
  parser.eager(true);
  std::string unread;
  std::array<char, 16384> buffer;
  while (!parser.is_done()) {
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0) return failed("receive");
    boost::system::error_code error;
    if (n == 0) {
      parser.put_eof(error);
      if (error || !parser.is_done()) return Error{"http_failed", "the connection was closed"};
      break;
    }
    unread.append(buffer.data(), static_cast<size_t>(n));
    const size_t used = parser.put(boost::asio::buffer(unread), error);
    unread.erase(0, used);
    if (error && error != http::error::need_more) return Error{"http_failed", error.message()};
  }
  if (!parser.get().keep_alive()) socket_.reset();
  auto message = parser.release();
  HttpResponse response;
  response.status = message.result_int();
  response.location = std::string(message[http::field::location]);
  response.link = std::string(message[http::field::link]);
  response.body = std::move(message.body());
  return response;
}

Expected<HttpResponse> HttpClient::send(std::string_view method, const std::string& target,
                                        const std::string& body, const Headers& headers) {
  std::string request = fmt::format("{} {} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n", method,
                                    target, server_.to_string(), body.size());
  for (const auto& [name, value] : headers) request += fmt::format("{}: {}\r\n", name, value);
  request += "\r\n" + body;
  const bool kept = static_cast<bool>(socket_);
  if (!kept)
    if (auto connected = connect(); !connected) return connected.error();
  auto response = exchange(request);
  if (!response) {
    socket_.reset();
    // A kept connection may have been closed while it was idle.
    if (kept) {
      if (auto connected = connect(); !connected) return connected.error();
      response = exchange(request);
      if (!response) socket_.reset();
    }
  }
  return response;
}

}  // namespace loopcast::load
