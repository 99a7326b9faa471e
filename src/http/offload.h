// Work that blocks (disk, password hashing) on another thread, awaited from the control thread.
#pragma once

#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/expected.h"
#include "http/pool.h"
#include "http/task.h"

namespace loopcast::http {

// What `work` throws, as for want of memory, is reported, and is its failure like any other: an
// error if its result can be one, or thrown to who awaits it.
template <typename Result, typename F>
std::variant<std::exception_ptr, Result> attempt(const Pool& pool, F& work) {
  using Outcome = std::variant<std::exception_ptr, Result>;
  try {
    return Outcome(std::in_place_index<1>, work());
  } catch (const std::exception& e) {
    pool.report(e.what());
    if constexpr (std::is_constructible_v<Result, Error>)
      return Outcome(std::in_place_index<1>, Error{"internal", e.what()});
    else
      return Outcome(std::in_place_index<0>, std::current_exception());
  }
}

// Runs `work()` on `pool` and returns its result on the control thread. The caller bounds how much
// it hands over.
template <typename F>
auto offload(Pool& pool, F work) -> Task<decltype(work())> {
  using Result = decltype(work());
  using Outcome = std::variant<std::exception_ptr, Result>;
  const Executor executor = co_await asio::this_coro::executor;
  Outcome outcome =
      co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Outcome)>(
          [&pool, executor](auto handler, F f) {
            asio::post(pool.threads(), [&pool, handler = std::move(handler), f = std::move(f),
                                        guard = asio::make_work_guard(executor)]() mutable {
              asio::post(guard.get_executor(), [handler = std::move(handler),
                                                outcome = attempt<Result>(pool, f)]() mutable {
                std::move(handler)(std::move(outcome));
              });
            });
          },
          use_task, std::move(work));
  if (outcome.index() == 0) std::rethrow_exception(std::get<0>(outcome));
  co_return std::get<1>(std::move(outcome));
}

}  // namespace loopcast::http
