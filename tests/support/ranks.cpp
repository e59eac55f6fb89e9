#include "tests/support/ranks.h"

#include <netinet/in.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/catch.h"
#include "tests/support/hosts.h"

extern char** environ;

namespace convllava::testing {
namespace {

using Clock = std::chrono::steady_clock;

/// In a rank: which call of run_ranks, counted from 0 within the test case, it was started for.
constexpr const char* kCallVariable = "CONVLLAVA_TEST_CALL";

/// A child process with its output in an unlinked file.
class Child {
 public:
  Child(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment)
      : output_(std::tmpfile()) {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text = *entry;
      variables[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
    }
    for (const auto& [name, value] : environment) variables[name] = value;
    std::vector<std::string> entries;
    for (const auto& [name, value] : variables) entries.push_back(name + "=" + value);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(output_), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(output_), STDERR_FILENO);
    const int error = posix_spawnp(&process_, arguments[0].c_str(), &actions, nullptr, pointers(arguments).data(),
                                   pointers(entries).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start " + arguments[0]);
  }
  ~Child() {
    if (!ended_) kill();
    std::fclose(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool ended() {
    if (!ended_) ended_ = waitpid(process_, &status_, WNOHANG) == process_;
    return ended_;
  }

  void kill() {
    ::kill(process_, SIGKILL);
    waitpid(process_, &status_, 0);
    ended_ = timed_out_ = true;
  }

  RankOutcome outcome() {
    RankOutcome outcome;
    if (WIFEXITED(status_)) outcome.exit_code = WEXITSTATUS(status_);
    if (WIFSIGNALED(status_)) outcome.signal = WTERMSIG(status_);
    outcome.timed_out = timed_out_;
    std::rewind(output_);
    char buffer[4096];
    for (size_t n; (n = std::fread(buffer, 1, sizeof(buffer), output_)) > 0;) outcome.output.append(buffer, n);
    return outcome;
  }

 private:
  static std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
  }

  std::FILE* output_;
  pid_t process_ = 0;
  int status_ = 0;
  bool ended_ = false;
  bool timed_out_ = false;
};

std::vector<RankOutcome> wait_all(const std::vector<std::unique_ptr<Child>>& children, std::chrono::seconds timeout) {
  const auto deadline = Clock::now() + timeout;
  const auto all_ended = [&] {
    return std::all_of(children.begin(), children.end(), [](const auto& child) { return child->ended(); });
  };
  while (!all_ended() && Clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::vector<RankOutcome> outcomes;
  for (const auto& child : children) {
    if (!child->ended()) child->kill();
  }
  for (const auto& child : children) outcomes.push_back(child->outcome());
  return outcomes;
}

/// The name as Catch's command line takes it.
std::string test_filter(const std::string& name) {
  std::string filter;
  for (const char c : name) {
    if (c == ',' || c == '[' || c == '\\' || c == '"') filter += '\\';
    filter += c;
  }
  return filter;
}

std::string report(const std::vector<RankOutcome>& outcomes) {
  std::ostringstream text;
  for (size_t rank = 0; rank < outcomes.size(); ++rank) {
    const auto& outcome = outcomes[rank];
    text << "rank " << rank << ": exit code " << outcome.exit_code << ", signal " << outcome.signal
         << (outcome.timed_out ? ", timed out" : "") << "\n";
    std::istringstream lines(outcome.output);
    for (std::string line; std::getline(lines, line);) text << "  [" << rank << "] " << line << "\n";
  }
  return text.str();
}

/// How often run_ranks was called before within the running test case.
int count_call(const std::string& test) {
  static std::string current;
  static int calls = 0;
  if (test != current) calls = 0;
  current = test;
  return calls++;
}

}  // namespace

int free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  const bool bound = bind(descriptor, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  close(descriptor);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

RankOutcome run_program(const std::vector<std::string>& arguments,
                        const std::map<std::string, std::string>& environment, std::chrono::seconds timeout) {
  std::vector<std::unique_ptr<Child>> children;
  children.push_back(std::make_unique<Child>(arguments, environment));
  return wait_all(children, timeout)[0];
}

void run_ranks(int world_size, const std::function<void()>& body, const RankOptions& options,
               const std::function<void(const std::vector<RankOutcome>&)>& verify) {
  const std::string test = Catch::getResultCapture().getCurrentTestName();
  const int call = count_call(test);
  if (const char* wanted = std::getenv(kCallVariable)) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (call == std::atoi(wanted)) body();
    return;
  }
  std::map<std::string, std::string> environment = {{kCallVariable, std::to_string(call)},
                                                    {"WORLD_SIZE", std::to_string(world_size)},
                                                    {"MASTER_ADDR", "127.0.0.1"},
                                                    {"MASTER_PORT", std::to_string(free_port())},
                                                    {"LOCAL_WORLD_SIZE", std::to_string(world_size)},
                                                    {"OMP_NUM_THREADS", "1"}};
  std::optional<TwoHosts> hosts;
  if (options.on_two_hosts) {
    hosts.emplace();
    environment["MASTER_ADDR"] = TwoHosts::address(0);
    environment["GLOO_SOCKET_IFNAME"] = "eth0";
    environment["LOCAL_WORLD_SIZE"] = "1";
  }
  std::vector<std::unique_ptr<Child>> children;
  for (int rank = 0; rank < world_size; ++rank) {
    if (std::count(options.absent.begin(), options.absent.end(), rank) > 0) continue;
    environment["RANK"] = std::to_string(rank);
    environment["LOCAL_RANK"] = hosts ? "0" : environment["RANK"];
    auto command = hosts ? hosts->prefix(rank) : std::vector<std::string>();
    command.insert(command.end(), {own_program(), test_filter(test)});
    children.push_back(std::make_unique<Child>(command, environment));
  }
  const auto outcomes = wait_all(children, options.timeout);
  INFO(report(outcomes));
  if (verify) {
    verify(outcomes);
    return;
  }
  for (const auto& outcome : outcomes) CHECK(outcome.exit_code == 0);
}

}  // namespace convllava::testing
