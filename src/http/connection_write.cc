// How a connection writes answers.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "http/clock.h"
#include "http/connection.h"
#include "http/connection_incoming.h"
#include "http/offload.h"
#include "http/response_head.h"

namespace loopcast::http {
namespace {

// Bodies and files leave in pieces of this size, each with its own deadline.
constexpr size_t kWriteChunk = 64 * 1024;
// What a stranger's connection holds of a file that passes through the program (TLS).
constexpr size_t kStrangerWriteChunk = 16 * 1024;
// What one call of sendfile() may pass on, and what may wait in the kernel: somebody who watches
// slowly holds up nobody, and holds little.
constexpr size_t kSendChunk = 512 * 1024;
constexpr int kUnsentLimit = 128 * 1024;
// How long, and how much, a client may go on sending after its request was refused. Closing while
// it sends would reset the connection, and the answer would be lost with it: whoever uploads a bit
// more than the 5 MB of the largest body is to read why not.
constexpr std::chrono::milliseconds kLingerPause{2'000};
constexpr std::chrono::milliseconds kLingerTime{20'000};
constexpr size_t kLingerBytes = 8 << 20;

}  // namespace

Task<bool> Connection::write(const Request& request, Response response, bool keep_alive) {
  HttpCounters& counters = server_->counters;
  if (response.status >= 500)
    ++counters.responses_5xx;
  else if (response.status >= 400)
    ++counters.responses_4xx;
  else
    ++counters.responses_1xx_3xx;
  // Nobody is to guess what an answer is (Fetch standard, "nosniff").
  if (!response.headers.has("x-content-type-options"))
    response.headers.add("X-Content-Type-Options", "nosniff");
  const std::string& hsts = server_->options.strict_transport_security;
  if (!hsts.empty() && (tls_ || request.secure))
    response.headers.set("Strict-Transport-Security", hsts);
  const std::string head = response_head(response, keep_alive);
  std::string_view body = response.body;
  if (request.method == "HEAD" || response.status == 204 || response.status == 304) {
    body = {};
    response.file.reset();
  }
  bool written = hold(response.body.size());
  std::string_view first = head;
  do {
    if (broken_) written = false;
    if (!written) break;
    set_deadline(server_->options.write_timeout);
    const std::string_view piece = body.substr(0, kWriteChunk);
    const error_code error = co_await stream_->write(first, piece);
    if (error) written = false;
    counters.bytes_sent += first.size() + piece.size();
    answered_bytes_ += piece.size();
    first = {};
    body.remove_prefix(piece.size());
  } while (!body.empty());
  if (written && response.file) written = co_await write_file(*response.file);
  clear_deadline();
  if (server_->options.access_log && !request.method.empty())
    server_->options.access_log(
        {request, response.status, answered_bytes_, monotonic_now() - began_, written});
  co_return written;
}

Task<bool> Connection::write_file(const FileBody& file) {
  uint64_t position = file.offset();
  const uint64_t end = file.offset() + file.length();
  if (const int socket = stream_->kernel_socket(); socket >= 0) {
    const bool sent = co_await send_file(file, socket, position);
    if (!sent) co_return false;
  }
  const size_t largest = user_ ? kWriteChunk : kStrangerWriteChunk;
  if (position < end && !hold(largest)) co_return false;
  std::string chunk;
  while (position < end) {
    const size_t wanted = std::min<uint64_t>(largest, end - position);
    clear_deadline();
    chunk.resize(wanted);
    const ssize_t got = co_await offload(
        server_->file_readers, [fd = file.fd(), to = chunk.data(), wanted, position] {
          return ::pread(fd, to, wanted, static_cast<off_t>(position));
        });
    // Shorter than it was: the promised length cannot be kept, and the connection ends.
    if (got <= 0 || broken_) co_return false;
    set_deadline(server_->options.write_timeout);
    const std::string_view piece(chunk.data(), static_cast<size_t>(got));
    const error_code error = co_await stream_->write(piece, {});
    if (error) co_return false;
    server_->counters.bytes_sent += piece.size();
    answered_bytes_ += piece.size();
    position += static_cast<uint64_t>(got);
  }
  co_return true;
}

Task<bool> Connection::send_file(const FileBody& file, int socket, uint64_t& position) {
  // A descriptor of our own: the connection may be closed, and its number be another's, while a
  // reader is at work.
  const int copy = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) co_return true;
  const FileBody out(copy, 0, 0);
  ::setsockopt(copy, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentLimit, sizeof kUnsentLimit);
  const uint64_t end = file.offset() + file.length();
  while (position < end) {
    struct Sent {
      ssize_t size;
      int error;
    };
    const size_t wanted = std::min<uint64_t>(kSendChunk, end - position);
    clear_deadline();
    const Sent sent = co_await offload(server_->file_readers,
                                       [to = out.fd(), from = file.fd(), position, wanted] {
                                         auto offset = static_cast<off_t>(position);
                                         const ssize_t size = ::sendfile(to, from, &offset, wanted);
                                         return Sent{size, size < 0 ? errno : 0};
                                       });
    if (broken_) co_return false;
    if (sent.size > 0) {
      position += static_cast<uint64_t>(sent.size);
      answered_bytes_ += static_cast<uint64_t>(sent.size);
      server_->counters.bytes_sent += static_cast<uint64_t>(sent.size);
      server_->counters.bytes_sent_by_kernel += static_cast<uint64_t>(sent.size);
      continue;
    }
    // Not every file system can.
    if (sent.error == EINVAL || sent.error == ENOSYS) co_return true;
    // Zero: the file is shorter than it was.
    if (sent.error != EAGAIN && sent.error != EINTR) co_return false;
    set_deadline(server_->options.write_timeout);
    const error_code error = co_await stream_->wait_writable();
    if (error) co_return false;
  }
  co_return true;
}

Task<> Connection::refuse(const Request& request, Response response) {
  server_->router.add_cors(request, response);
  const bool written = co_await write(request, std::move(response), false);
  if (!written) co_return;
  // What still comes is read and thrown away first. Over TLS that comes before close_notify, after
  // which nothing can be read any more.
  stream_->end_output();
  const Instant end = monotonic_now() + to_duration(kLingerTime);
  for (size_t drained = 0; drained < kLingerBytes && !broken_ && monotonic_now() < end;) {
    set_deadline(kLingerPause);
    buffer_.clear();
    const bool more = co_await fill();
    drained += buffer_.size();
    if (!more) break;
  }
  std::string().swap(buffer_);
}

}  // namespace loopcast::http
