// A run's log as TensorBoard reads it: a file of records, each an Event message.
//
//   record   length (8 bytes) | mask(crc of the length) | bytes | mask(crc of the bytes)         TFRecord, as TensorFlow defines it
//            little-endian; crc is CRC-32C, mask(c) = (c >> 15 | c << 17) + 0xa282ead8
//   Event    1: wall time (double)   2: step (int64)   3: file version ("brain.Event:2")   5: Summary   7: SessionLog
//   Summary  1: repeated Value {1: tag, 2: number (float)}                                       tensorflow/core/{util/event,
//   framework/summary}.proto
//
// The messages are written by hand: a field is its number · 8 + its wire type (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes), then
// its content (developers.google.com/protocol-buffers, "Encoding").
#pragma once

#include "tercet/io/checksum.hpp"
#include "tercet/io/mmap.hpp"
#include "tercet/train/logger.hpp"

#include <charconv>
#include <filesystem>

namespace tercet::inline TERCET_ABI {

namespace detail {

template <class T>
void append_bytes(std::string& out, const T& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Seven bits a byte, the lowest first; the eighth says that more follow.
inline void append_varint(std::string& out, std::uint64_t value) {
    for (; value >= 128; value >>= 7) out += static_cast<char>((value & 127) | 128);
    out += static_cast<char>(value);
}
inline void append_field(std::string& out, int number, std::uint64_t value) {
    append_varint(out, static_cast<std::uint64_t>(number) << 3);
    append_varint(out, value);
}
inline void append_field(std::string& out, int number, double value) {
    append_varint(out, (static_cast<std::uint64_t>(number) << 3) | 1);
    append_bytes(out, value);
}
inline void append_field(std::string& out, int number, float value) {
    append_varint(out, (static_cast<std::uint64_t>(number) << 3) | 5);
    append_bytes(out, value);
}
inline void append_field(std::string& out, int number, std::string_view bytes) {
    append_varint(out, (static_cast<std::uint64_t>(number) << 3) | 2);
    append_varint(out, bytes.size());
    out += bytes;
}

inline std::uint32_t masked_crc(std::string_view bytes) {
    const std::uint32_t crc = crc32c(bytes);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

// One record around these bytes.
inline std::string tf_record(std::string_view bytes) {
    std::string out;
    append_bytes(out, static_cast<std::uint64_t>(bytes.size()));
    append_bytes(out, masked_crc(out));
    out += bytes;
    append_bytes(out, masked_crc(bytes));
    return out;
}

}  // namespace detail

/// Writes each record as scalars into an event file of its own in the directory of a run.
class TensorBoardLog {
public:
    /// Makes the directory where it is missing, and in it a new file, whose name comes after all that are there. For a run that goes on from `step`
    /// the file begins with the start of a session at step + 1, upon which TensorBoard forgets what older files say from there on; with step 0 the
    /// older event files are removed. Throws io.
    explicit TensorBoardLog(const std::string& directory, std::int64_t step = 0) : file_(new_file(directory, step == 0)) {
        std::string version, session, started;
        detail::append_field(version, 1, unix_time());
        detail::append_field(version, 3, std::string_view("brain.Event:2"));
        file_.write(detail::tf_record(version));
        if (step == 0) return;
        detail::append_field(started, 1, std::uint64_t{1});  // SessionLog.status = START
        detail::append_field(session, 1, unix_time());
        detail::append_field(session, 2, static_cast<std::uint64_t>(step + 1));
        detail::append_field(session, 7, std::string_view(started));
        file_.write(detail::tf_record(session));
    }

    const std::string& path() const { return file_.path(); }

    void operator()(const LogRecord& record) {
        std::string event, summary;
        for (const auto& [name, number] : record.values) {
            std::string value;
            detail::append_field(value, 1, std::string_view(name));
            detail::append_field(value, 2, static_cast<float>(number));
            detail::append_field(summary, 1, std::string_view(value));
        }
        detail::append_field(event, 1, record.time);
        detail::append_field(event, 2, static_cast<std::uint64_t>(record.step));
        detail::append_field(event, 5, std::string_view(summary));
        file_.write(detail::tf_record(event));
    }

private:
    // events.out.tfevents.<second>.tercet: TensorBoard reads the files of a directory in the order of their names.
    static std::string new_file(const std::string& directory, bool anew) {
        constexpr std::string_view front = "events.out.tfevents.";
        std::error_code error;
        std::filesystem::create_directories(directory, error);
        auto second = static_cast<long long>(unix_time());
        for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
            const std::string name = at->path().filename().string();
            if (!name.starts_with(front)) continue;
            if (anew) std::filesystem::remove(at->path(), error);
            long long other = 0;
            const auto digits = name.data() + front.size();
            if (std::from_chars(digits, name.data() + name.size(), other).ec == std::errc() && other < second + 3'000'000'000)
                second = std::max(second, other + 1);
        }
        require(!error, ErrorCode::io, directory, ": cannot make an event file: ", error.message());
        return (std::filesystem::path(directory) / (std::string(front) + std::to_string(second) + ".tercet")).string();
    }

    AppendFile file_;
};

}  // namespace tercet::inline TERCET_ABI
