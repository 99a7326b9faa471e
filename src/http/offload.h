// Work that blocks (disk, password hashing) on another thread, awaited from the control thread.
#pragma once

#include <optional>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include "http/task.h"

namespace loopcast::http {

// Runs `work()` on `pool` and returns its result on the control thread. `work` must not throw. The
// caller bounds how much it hands over.
template <typename F>
auto offload(asio::thread_pool& pool, F work) -> Task<decltype(work())> {
  using Result = decltype(work());
  const Executor executor = co_await asio::this_coro::executor;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Result)>(
      [&pool, executor](auto handler, F f) {
        asio::post(pool, [handler = std::move(handler), f = std::move(f),
                          guard = asio::make_work_guard(executor)]() mutable {
          asio::post(guard.get_executor(), [handler = std::move(handler), result = f()]() mutable {
            std::move(handler)(std::move(result));
          });
        });
      },
      use_task, std::move(work));
}

}  // namespace loopcast::http
