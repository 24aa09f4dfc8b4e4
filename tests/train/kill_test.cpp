// A child process trains and saves without a pause, and is killed at random moments: whatever the moment, the newest whole checkpoint loads and has
// the bits of a run that was never killed. TERCET_TEST_KILLS sets how often; `scripts/test.sh --all` asks for a thousand.
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tiny_run.hpp"

#include <csignal>
#include <cstdlib>
#include <random>

#include <poll.h>
#include <sys/wait.h>

using namespace tercet;
using tercet_test::TinyRun;

namespace {

constexpr const char* directory_variable = "TERCET_TEST_KILL_DIRECTORY";

// This program once more, as a process of its own: a fork alone would lack the threads. Its end of `ready` says when it trains.
pid_t start_child(const std::string& directory, int ready) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::setenv(directory_variable, directory.c_str(), 1);
    ::dup2(ready, STDOUT_FILENO);
    ::execl("/proc/self/exe", "tercet_test_train", "kill: the child", static_cast<char*>(nullptr));
    ::_exit(127);
}

}  // namespace

TEST_CASE("kill: the child", "[.]") {
    const char* directory = std::getenv(directory_variable);
    if (directory == nullptr) return;
    CheckpointStore store(directory);
    TinyRun run;
    store.load_newest(*run.optimizer, run.state);
    run.options.store = &store;
    run.options.save_every = 1;
    [[maybe_unused]] const auto told = ::write(STDOUT_FILENO, "+", 1);
    run.train(1'000'000'000);
}

TEST_CASE("kill: after any SIGKILL the newest whole checkpoint has the bits of an unbroken run") {
    const char* asked = std::getenv("TERCET_TEST_KILLS");
    const int kills = asked != nullptr ? std::atoi(asked) : 30;
    TempDir dir;
    CheckpointStore store(dir.path());
    TinyRun unbroken;
    std::mt19937 random(std::random_device{}());
    std::size_t partials = 0, running = 0;
    for (int i = 0; i < kills; ++i) {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        const pid_t child = start_child(dir.path(), ends[1]);
        REQUIRE(child > 0);
        ::close(ends[1]);
        if (i % 10 != 9) {  // the others die while they start or load
            pollfd wait{ends[0], POLLIN, 0};
            REQUIRE(::poll(&wait, 1, 60'000) == 1);
        }
        // Most die within a step or a save, some after many; later and later until a first checkpoint is there, for machines on which a step takes
        // long.
        const auto patience = running == 0 ? static_cast<useconds_t>(i) * 30'000 : 0;
        ::usleep(static_cast<useconds_t>(random() % 20'000 << random() % 4) + patience);
        ::kill(child, SIGKILL);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFSIGNALED(status));
        ::close(ends[0]);
        for (const auto& entry : std::filesystem::directory_iterator(dir.path())) partials += entry.path().extension() == ".partial";

        TinyRun resumed(999);
        if (!store.load_newest(*resumed.optimizer, resumed.state)) continue;
        ++running;
        REQUIRE(resumed.state.step >= unbroken.state.step);
        unbroken.train(resumed.state.step);
        REQUIRE(resumed.numbers() == unbroken.numbers());
        REQUIRE(resumed.state.generator.position() == unbroken.state.generator.position());
        REQUIRE(resumed.state.data == unbroken.state.data);
    }
    CHECK(running > 0);
    WARN(kills << " kills up to step " << unbroken.state.step << ", half-written files met " << partials << " times");
}
