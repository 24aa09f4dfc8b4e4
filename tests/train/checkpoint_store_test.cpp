// A directory of checkpoints: what is kept, what is loaded when some are damaged, and what a full disk leaves.
#include "tercet/train/checkpoint_store.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tiny_run.hpp"

#include <csignal>

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

using namespace tercet;
using tercet_test::TinyRun;

namespace {

std::vector<std::int64_t> steps_in(const CheckpointStore& store) {
    std::vector<std::int64_t> steps;
    for (const auto& checkpoint : store.list()) steps.push_back(checkpoint.step);
    return steps;
}

// The smallest run there is; a checkpoint of it is half a kilobyte.
struct Small {
    Tensor<float> weight = Tensor<float>::zeros({2});
    TrainingState state;
    std::optional<Optimizer<Sgd, float>> optimizer;

    explicit Small(index_t size = 2) : weight(Tensor<float>::zeros({size})) {
        weight.requires_grad();
        optimizer.emplace(std::vector<NamedTensor<float>>{{"weight", weight}}, Sgd{.momentum = 0.9});
    }
    std::string save(CheckpointStore& store, std::int64_t step, std::optional<double> measure = {}) {
        const NoGrad guard;
        std::fill_n(weight.mutable_data(), weight.numel(), static_cast<float>(step));
        state.step = step;
        return store.save(*optimizer, state, measure);
    }
};

void damage(const std::string& path, std::size_t at) {
    std::string bytes = read_text_file(path);
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    write_file_atomically(path, bytes);
}

struct LogCapture {
    std::string text;
    LogCapture() {
        set_log_sink([](void* user, LogLevel, std::string_view message) { static_cast<LogCapture*>(user)->text.append(message) += '\n'; }, this);
    }
    ~LogCapture() { set_log_sink(nullptr); }
};

// Saves over and over where the disk is too small, until one fails; the one before must be whole.
void check_full_disk(const std::string& directory) {
    CheckpointStore store(directory, {.keep = 1});
    Small run(20'000);  // 160 kB
    run.save(store, 1);
    Small large(60'000);
    CHECK_ERROR(large.save(store, 2), ErrorCode::io);
    CHECK_ERROR(large.save(store, 3), ErrorCode::io);
    CHECK(steps_in(store) == std::vector<std::int64_t>{1});
    std::size_t entries = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++entries;
    CHECK(entries == 1);
    Small again(20'000);
    REQUIRE(store.load_newest(*again.optimizer, again.state));
    CHECK(again.weight.to_vector() == run.weight.to_vector());
}

}  // namespace

TEST_CASE("checkpoint store: keeps the newest and the best, and removes later steps of a run that was left") {
    TempDir dir;
    CheckpointStore store(dir / "a/b", {.keep = 2});
    CHECK(store.directory() == dir / "a/b");
    Small run;
    CHECK_FALSE(store.load_newest(*run.optimizer, run.state).has_value());
    CHECK_FALSE(store.load_best(*run.optimizer, run.state).has_value());
    run.save(store, 10, 3.0);
    run.save(store, 20, 1.0);
    run.save(store, 30, 2.0);
    run.save(store, 40);
    run.save(store, 50, NAN);
    CHECK(steps_in(store) == std::vector<std::int64_t>{20, 40, 50});
    CHECK(store.list()[0].measure == 1.0);
    CHECK(std::isnan(store.list()[1].measure));
    CHECK(store.load_newest(*run.optimizer, run.state) == store.list().back().path);
    CHECK(run.state.step == 50);
    CHECK(run.weight.to_vector()[0] == 50);
    REQUIRE(store.load_best(*run.optimizer, run.state));
    CHECK(run.state.step == 20);
    run.save(store, 25, 0.5);
    CHECK(steps_in(store) == std::vector<std::int64_t>{20, 25});

    CheckpointStore highest(dir / "c", {.keep = 1, .maximise = true}), plain(dir / "d", {.keep = 1, .keep_best = false});
    for (auto* s : {&highest, &plain}) {
        run.save(*s, 5, 0.9);
        run.save(*s, 1'000'000'000, 0.8);  // more digits than the name has by default
        run.save(*s, 1'000'000'001, 0.7);
    }
    CHECK(steps_in(highest) == std::vector<std::int64_t>{5, 1'000'000'001});
    CHECK(steps_in(plain) == std::vector<std::int64_t>{1'000'000'001});
    CHECK_ERROR(CheckpointStore(dir / "e", {.keep = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(CheckpointStore(dir.write("file", "x") + "/store"), ErrorCode::io);
}

TEST_CASE("checkpoint store: damaged and half-written checkpoints are passed over, and the log says so") {
    TempDir dir;
    CheckpointStore store(dir.path(), {.keep = 9});
    Small run;
    std::vector<std::string> paths;
    for (std::int64_t step = 1; step <= 5; ++step) paths.push_back(run.save(store, step, -static_cast<double>(step)));
    damage(paths[4], 0);
    damage(paths[3], 100);
    const std::string whole = read_text_file(paths[2]);
    dir.write("step-00000003.safetensors", std::string_view(whole).substr(0, whole.size() - 9));
    dir.write("step-00000006.safetensors", "");
    dir.write("step-00000007.safetensors.4711.0.partial", "half");
    dir.write("step-x.safetensors", "not one");
    dir.write("other.partial", "somebody else's");
    const LogCapture log;
    CHECK(store.load_newest(*run.optimizer, run.state) == paths[1]);
    CHECK(run.state.step == 2);
    for (const char* name : {"step-00000006", "step-00000005", "step-00000004", "step-00000003"})
        CHECK_THAT(log.text, Catch::Matchers::ContainsSubstring(name));
    CHECK(std::count(log.text.begin(), log.text.end(), '\n') == 4);
    CHECK(store.load_best(*run.optimizer, run.state) == paths[1]);

    run.save(store, 3);
    CHECK(steps_in(store) == std::vector<std::int64_t>{1, 2, 3});
    CHECK_FALSE(file_exists(dir / "step-00000007.safetensors.4711.0.partial"));
    CHECK(file_exists(dir / "other.partial"));
    CHECK(file_exists(dir / "step-x.safetensors"));
    for (const auto& path : {paths[0], paths[1], dir / "step-00000003.safetensors"}) damage(path, 50);
    CHECK_FALSE(store.load_newest(*run.optimizer, run.state).has_value());
}

TEST_CASE("checkpoint store: one of another run is an error, not passed over") {
    TempDir dir;
    CheckpointStore store(dir.path());
    Small run, other(3);
    run.save(store, 1);
    CHECK_ERROR(store.load_newest(*other.optimizer, other.state), ErrorCode::shape_mismatch);
    run.state.notes["lr"] = "2";
    CHECK_ERROR(store.load_newest(*run.optimizer, run.state), ErrorCode::invalid_argument);
}

TEST_CASE("checkpoint store: a full disk leaves the checkpoint before, and says io") {
    TempDir dir;
    std::filesystem::create_directory(dir / "small");
    if (::mount("tmpfs", (dir / "small").c_str(), "tmpfs", 0, "size=400k") != 0)
        SKIP_TEST(std::string("no small file system can be mounted: ") + std::strerror(errno));
    check_full_disk(dir / "small/store");
    CHECK(::umount((dir / "small").c_str()) == 0);
}

TEST_CASE("checkpoint store: a limit on the size of files leaves the checkpoint before, and says io") {
    TempDir dir;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    rlimit small = before;
    small.rlim_cur = 300'000;
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    check_full_disk(dir / "store");
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
}
