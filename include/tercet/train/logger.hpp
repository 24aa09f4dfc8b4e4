// What a run tells of itself: named numbers, step by step. A logger is anything that can be called with a record, so a lambda is one:
//
//   JsonLog json("run/log.jsonl", state.step);            // train/json_log.hpp
//   TensorBoardLog events("run/events", state.step);      // train/tensorboard.hpp
//   train(…, {.loggers = {std::ref(json), std::ref(events), [&](const LogRecord& r) { … }}});
//
// Logs of a resumed run. A log on disk is opened with the step that the run goes on from; records after it, which the run will make once more, are
// dropped (JSON lines) or declared void (TensorBoard). Step 0 starts a log anew.
#pragma once

#include "tercet/core/error.hpp"

#include <chrono>
#include <functional>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// Numbers of one step, such as {"training/loss", 1.25}.
struct LogRecord {
    std::int64_t step = 0;
    std::vector<std::pair<std::string, double>> values;
    double time = 0;  // seconds since 1970

    /// The value of that name, NaN when there is none.
    double value(std::string_view name) const {
        for (const auto& [key, number] : values)
            if (key == name) return number;
        return std::numeric_limits<double>::quiet_NaN();
    }
};

/// Receives each record, on the thread that trains.
using Logger = std::function<void(const LogRecord&)>;

/// Now, in seconds since 1970.
inline double unix_time() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace tercet::inline TERCET_ABI
