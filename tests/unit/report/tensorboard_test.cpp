#include <sys/wait.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "convllava/report/metric_log.h"
#include "tests/catch.h"
#include "tests/unit/report/fixtures.h"

// TensorBoard's own reader opens what is written (read_events.py).

namespace convllava::report {
namespace {

using testing::TemporaryFolder;
using testing::text_of;

const std::filesystem::path kPython = std::filesystem::path(CONVLLAVA_SOURCE_DIR) / ".venv/bin/python";
constexpr int kNotInstalled = 77;

/// Exit code of the script; its output goes to `result`.
int read_events(const std::filesystem::path& folder, const std::filesystem::path& result) {
  const std::string script = CONVLLAVA_SOURCE_DIR "/tests/unit/report/read_events.py";
  const std::string command =
      "'" + kPython.string() + "' '" + script + "' '" + folder.string() + "' > '" + result.string() + "'";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("TensorBoard reads the scalars of a run, and of a resumed one each step once", "[report]") {
  if (!std::filesystem::exists(kPython)) SKIP("there is no " + kPython.string());
  const TemporaryFolder run("sinks_tensorboard");
  {
    MetricLog log(run.path(), 0, {true});
    for (int64_t step = 0; step <= 300; ++step) {
      log.write(step, {{"train/loss", 1.0 / static_cast<double>(step + 1)}, {"train/lr/llm", 1e-3}});
    }
  }
  {
    MetricLog log(run.path(), 200, {true});
    for (int64_t step = 201; step <= 210; ++step) log.write(step, {{"train/loss", -static_cast<double>(step)}});
  }
  const int code = read_events(run / "tensorboard", run / "result.json");
  if (code == kNotInstalled) SKIP("tensorboard is not installed in .venv");
  REQUIRE(code == 0);
  const auto result = nlohmann::json::parse(text_of(run / "result.json"));
  REQUIRE(result.size() == 2);
  CHECK(result["train/lr/llm"].size() == 201);
  CHECK(result["train/lr/llm"][0][1].get<float>() == 1e-3F);
  const auto& loss = result["train/loss"];
  REQUIRE(loss.size() == 211);
  for (int64_t step = 0; step <= 210; ++step) {
    CHECK(loss[step][0] == step);
    CHECK(loss[step][1].get<float>() ==
          (step <= 200 ? static_cast<float>(1.0 / static_cast<double>(step + 1)) : -static_cast<float>(step)));
  }
}

}  // namespace convllava::report
