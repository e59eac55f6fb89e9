#pragma once

// A fixed set of worker threads that run submitted functions in order of submission.
//
//     ThreadPool pool(4);
//     std::future<std::string> bytes = pool.submit([] { return read_file("a.json"); });
//     parse(bytes.get());

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace convllava::core {

class ThreadPool {
 public:
  /// `threads` >= 1. Throws std::system_error when the system gives no more threads.
  explicit ThreadPool(int threads);
  /// Drops what has not started (its futures throw std::future_error), waits for what has.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The future rethrows what `function` throws.
  template <class Function>
  auto submit(Function function) -> std::future<std::invoke_result_t<Function>> {
    using Result = std::invoke_result_t<Function>;
    auto task = std::make_shared<std::packaged_task<Result()>>(std::move(function));
    auto result = task->get_future();
    enqueue([task] { (*task)(); });
    return result;
  }

  int size() const { return static_cast<int>(workers_.size()); }

 private:
  void enqueue(std::function<void()> task);
  void work();
  void stop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace convllava::core
