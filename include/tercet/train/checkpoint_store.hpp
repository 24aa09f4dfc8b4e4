// A directory of one run's checkpoints, named by their steps: step-00000250.safetensors, step-00000500.safetensors, …
//
//   CheckpointStore store("run/checkpoints", {.keep = 3});
//   store.load_newest(optimizer, state);          // goes on where the run stopped, or leaves all as it is
//   store.save(optimizer, state, validation_loss);
//
// A checkpoint is whole or not there (train/checkpoint.hpp), and none is removed before the next is whole and on the disk. What became damaged all
// the same fails its checksum: loading passes over it to the one before, and says so (core/log.hpp).
#pragma once

#include "tercet/core/log.hpp"
#include "tercet/train/checkpoint.hpp"

namespace tercet::inline TERCET_ABI {

struct StoreOptions {
    index_t keep = 2;       // how many of the newest stay
    bool keep_best = true;  // and the one with the best measure
    bool maximise = false;  // the best measure is the largest; otherwise the smallest
};

/// One checkpoint of a store. The measure is what save() was given, NaN for none.
struct StoredCheckpoint {
    std::int64_t step;
    std::string path;
    double measure;
};

/// The checkpoints of one run. One process writes to a store; others may read.
class CheckpointStore {
public:
    /// Makes the directory where it is missing. Throws io, and invalid_argument unless options.keep is positive.
    explicit CheckpointStore(std::string directory, const StoreOptions& options = {}) : directory_(std::move(directory)), options_(options) {
        require(options.keep > 0, ErrorCode::invalid_argument, directory_, ": a store that keeps ", options.keep, " checkpoints");
        make_directory(directory_);
    }

    const std::string& directory() const { return directory_; }
    const StoreOptions& options() const { return options_; }

    /// What is there, the oldest first. Measures are read from the files' headers, which are not verified here. Throws io.
    std::vector<StoredCheckpoint> list() const {
        auto found = by_step();
        for (auto& checkpoint : found) checkpoint.measure = measure_of(checkpoint.path);
        return found;
    }

    /// Writes the checkpoint of state.step, then removes the older ones that are not to be kept, and those of later steps, which belong to a run
    /// that this one has left. What broken-off writes left is removed first. Gives the path. Throws io, and leaves the ones before as they were.
    template <class Rule>
    std::string save(const Optimizer<Rule, float>& optimizer, const TrainingState& state, std::optional<double> measure = std::nullopt) {
        for (const auto& name : names())
            if (name.starts_with("step-") && name.ends_with(".partial")) remove(join_path(directory_, name));
        std::string digits = std::to_string(state.step);
        digits.insert(0, digits.size() < 8 ? 8 - digits.size() : 0, '0');
        const std::string path = join_path(directory_, "step-" + digits + ".safetensors");
        save_training(path, optimizer, state, measure);

        for (const auto& checkpoint : by_step())
            if (checkpoint.step > state.step) remove(checkpoint.path);
        const auto keep = static_cast<std::size_t>(options_.keep);
        if (by_step().size() <= keep) return path;
        const auto kept = options_.keep_best ? list() : by_step();
        const auto* best = best_of(kept);
        for (std::size_t i = 0; i + keep < kept.size(); ++i)
            if (&kept[i] != best) remove(kept[i].path);
        return path;
    }

    /// Goes on from the newest checkpoint that is whole, as load_training does, and gives its path; nothing happens when there is none. Damaged ones
    /// are passed over, with a warning in the log. Throws as load_training does for a checkpoint of another run.
    template <class Rule>
    std::optional<std::string> load_newest(Optimizer<Rule, float>& optimizer, TrainingState& state) const {
        auto all = list();
        std::reverse(all.begin(), all.end());
        return load_first(all, optimizer, state);
    }

    /// The same for the one with the best measure; the best one that is whole.
    template <class Rule>
    std::optional<std::string> load_best(Optimizer<Rule, float>& optimizer, TrainingState& state) const {
        auto all = list();
        std::erase_if(all, [](const StoredCheckpoint& c) { return std::isnan(c.measure); });
        std::stable_sort(all.begin(), all.end(), [&](const auto& a, const auto& b) { return better(a.measure, b.measure); });
        return load_first(all, optimizer, state);
    }

private:
    bool better(double a, double b) const { return options_.maximise ? a > b : a < b; }

    // The checkpoints without their measures, the oldest first.
    std::vector<StoredCheckpoint> by_step() const {
        std::vector<StoredCheckpoint> found;
        for (const auto& name : names())
            if (const auto step = step_of(name)) found.push_back({*step, join_path(directory_, name), std::numeric_limits<double>::quiet_NaN()});
        std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
        return found;
    }

    // Null when none has a measure.
    const StoredCheckpoint* best_of(const std::vector<StoredCheckpoint>& all) const {
        const StoredCheckpoint* best = nullptr;
        for (const auto& c : all)
            if (!std::isnan(c.measure) && (best == nullptr || better(c.measure, best->measure))) best = &c;
        return best;
    }

    template <class Rule>
    static std::optional<std::string> load_first(const std::vector<StoredCheckpoint>& order, Optimizer<Rule, float>& optimizer,
                                                 TrainingState& state) {
        for (const auto& checkpoint : order) {
            const auto error = error_of([&] { load_training(checkpoint.path, optimizer, state); });
            if (!error) return checkpoint.path;
            const bool gone = error->code() == ErrorCode::io && !file_exists(checkpoint.path);
            if (error->code() != ErrorCode::damaged && !gone) fail(error->code(), error->what());  // one that cannot be read now may be whole
            log(LogLevel::warning, "a checkpoint is passed over: ", error->what());
        }
        return std::nullopt;
    }

    std::vector<std::string> names() const {
        std::error_code error;
        std::vector<std::string> found;
        for (std::filesystem::directory_iterator at(directory_, error), end; !error && at != end; at.increment(error))
            found.push_back(at->path().filename().string());
        require(!error, ErrorCode::io, directory_, ": cannot read the directory: ", error.message());
        return found;
    }

    // The step in a checkpoint's name, none for another file.
    static std::optional<std::int64_t> step_of(std::string_view name) {
        constexpr std::string_view front = "step-", back = ".safetensors";
        if (!name.starts_with(front) || !name.ends_with(back) || name.size() <= front.size() + back.size()) return std::nullopt;
        const std::string_view digits = name.substr(front.size(), name.size() - front.size() - back.size());
        std::int64_t step = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
        if (error != std::errc() || end != digits.data() + digits.size() || step < 0) return std::nullopt;
        return step;
    }

    // NaN for a file without one, or whose header cannot be read.
    static double measure_of(const std::string& path) {
        double measure = std::numeric_limits<double>::quiet_NaN();
        error_of([&] {
            const auto file = Safetensors::open(path);
            if (file.metadata().contains("measure")) measure = detail::metadata_number<double>(file, "measure");
        });
        return measure;
    }

    // Says so in the log where it cannot: a checkpoint too many is no reason to stop a run.
    static void remove(const std::string& path) {
        std::error_code error;
        std::filesystem::remove(path, error);
        if (error) log(LogLevel::warning, path, ": cannot remove it: ", error.message());
    }

    std::string directory_;
    StoreOptions options_;
};

}  // namespace tercet::inline TERCET_ABI
