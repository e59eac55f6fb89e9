#include "convllava/core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <string>

namespace convllava::core {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_color_mt("convllava");
    made->set_pattern("%H:%M:%S %^%l%$ %v");
    return made;
  }();
  return *instance;
}

}  // namespace

void set_log_rank(int rank, int world_size) {
  if (world_size > 1) logger().set_pattern("%H:%M:%S [rank " + std::to_string(rank) + "] %^%l%$ %v");
  if (rank != 0) logger().set_level(spdlog::level::warn);
}

void log_info(std::string_view message) { logger().info("{}", message); }
void log_warning(std::string_view message) { logger().warn("{}", message); }
void log_error(std::string_view message) { logger().error("{}", message); }

}  // namespace convllava::core
