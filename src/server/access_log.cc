#include "server/access_log.h"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

namespace loopcast::server {
namespace {

// Lines that wait for the disk, about 300 bytes each.
constexpr size_t kQueue = 4096;
constexpr size_t kMaxText = 256;
constexpr size_t kStartLength = 6;

// Printable ASCII without quotes, backslashes and spaces as it is, everything else as %XX.
std::string escaped(std::string_view text, bool spaces) {
  std::string out;
  for (const char c : text.substr(0, kMaxText)) {
    const bool plain = c > ' ' && c < 0x7f && c != '"' && c != '\\';
    if (plain || (spaces && c == ' '))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  if (text.size() > kMaxText) out += "...";
  return out;
}

}  // namespace

std::string loggable_target(std::string_view target) {
  const size_t question = std::min(target.find('?'), target.size());
  std::string out = escaped(target.substr(0, question), false);
  std::string_view query = target.substr(question);
  char separator = '?';
  while (query.size() > 1) {
    query.remove_prefix(1);
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end);
    out += separator;
    out += escaped(pair.substr(0, std::min(pair.find('='), pair.size())), false) + '=';
    separator = '&';
    if (out.size() > 2 * kMaxText) break;
  }
  return out;
}

struct AccessLog::Writer {
  // Goes after the logger, and writes what waits before that.
  std::shared_ptr<spdlog::details::thread_pool> thread;
  std::shared_ptr<spdlog::async_logger> logger;
};

AccessLog::AccessLog(std::string path, std::string start)
    : path_(std::move(path)), start_(std::move(start)) {}

AccessLog::~AccessLog() = default;

Expected<std::unique_ptr<AccessLog::Writer>> AccessLog::open_file(const std::string& path) {
  auto writer = std::make_unique<Writer>();
  try {
    const auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    writer->thread = std::make_shared<spdlog::details::thread_pool>(kQueue, 1);
    writer->logger = std::make_shared<spdlog::async_logger>(
        "access", sink, writer->thread, spdlog::async_overflow_policy::overrun_oldest);
  } catch (const spdlog::spdlog_ex& e) {
    return Error{"access_log", fmt::format("The access log {} cannot be written: {}. Name another "
                                           "with --access-log.",
                                           path, e.what())};
  }
  writer->logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc);
  writer->logger->flush_on(spdlog::level::info);
  return writer;
}

Expected<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& path, Random& random) {
  auto writer = open_file(path);
  if (!writer) return writer.error();
  std::unique_ptr<AccessLog> log(new AccessLog(path, random.token(kStartLength)));
  log->writer_ = std::move(*writer);
  return log;
}

void AccessLog::write(const http::AccessEntry& entry) {
  const http::Request& request = entry.request;
  writer_->logger->info("{}-{} {} {} {} {} {}{} {} ms \"{}\"", start_, next_++,
                        request.remote.ip.to_string(), escaped(request.method, false),
                        loggable_target(request.target), entry.status, entry.bytes,
                        entry.complete ? "" : " (cut off)", entry.time.us() / 1000,
                        escaped(request.header("user-agent"), true));
}

void AccessLog::reopen() {
  auto writer = open_file(path_);
  if (writer)
    writer_ = std::move(*writer);
  else
    spdlog::error("{}", writer.error().message);
}

}  // namespace loopcast::server
