// A run's log as JSON lines, one object a record, for scripts to read and reports to draw from:
//
//   {"step": 250, "time": 1764167059.25, "training/loss": 1.8125, "training/learning_rate": 0.001}
//
// Numbers are written so that they read back as the same; NaN and the infinities, which JSON lacks, as null.
#pragma once

#include "tercet/io/json.hpp"
#include "tercet/io/mmap.hpp"
#include "tercet/train/logger.hpp"

namespace tercet::inline TERCET_ABI {

/// One record as a line, its end included. Throws invalid_argument for a value called "step" or "time".
inline std::string json_line(const LogRecord& record) {
    for (const auto& [name, value] : record.values)
        require(name != "step" && name != "time", ErrorCode::invalid_argument, "log: a value cannot be called '", name, "'");
    std::string line = "{\"step\": " + std::to_string(record.step) + ", \"time\": " + detail::number_to_json(record.time);
    for (const auto& [name, value] : record.values) ((((line += ", ") += quote_json(name)) += ": ") += detail::number_to_json(value));
    return line += "}\n";
}

/// The records of a log. A last line without an end, which a run that was killed leaves, is passed over; a null becomes NaN.
/// Throws io; bad_json or missing_key for lines that are no records.
inline std::vector<LogRecord> read_json_log(const std::string& path) {
    const std::string text = read_text_file(path);
    std::vector<LogRecord> records;
    std::string_view rest = text;
    for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
        const Json line = parse_json(rest.substr(0, end), path + ": line " + std::to_string(records.size() + 1));
        LogRecord record{line.at("step").as_int(), {}, line.get_or("time", 0.0)};
        for (const auto& [name, value] : line.items())
            if (name != "step" && name != "time")
                record.values.emplace_back(name, value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.as_number());
        records.push_back(std::move(record));
    }
    return records;
}

/// Writes each record to a file as it comes.
class JsonLog {
public:
    /// Opens or makes the log of a run that goes on from `step`: later records, and a line that was broken off, are dropped; 0 drops all.
    /// Throws as read_json_log does.
    explicit JsonLog(const std::string& path, std::int64_t step = 0) : file_(cut(path, step)) {}

    void operator()(const LogRecord& record) { file_.write(json_line(record)); }

private:
    static std::string cut(const std::string& path, std::int64_t step) {
        std::string kept;
        if (step > 0 && file_exists(path))
            for (const auto& record : read_json_log(path))
                if (record.step <= step) kept += json_line(record);
        write_file_atomically(path, kept);
        return path;
    }

    AppendFile file_;
};

}  // namespace tercet::inline TERCET_ABI
