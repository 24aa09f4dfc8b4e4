// Files: bytes mapped into memory or read into it, and files written as a whole or not at all.
//
// A mapped file (POSIX mmap, read-only, private) is paged in as it is touched and shared by every process that maps it. A file that
// others may shorten while it is mapped should be read into memory instead (LoadOptions{.map = false}): touching a page that is gone is a
// signal, not an error one can catch.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tercet::inline TERCET_ABI {

/// How a file is opened: mapped or read into memory, and a token that stops a long load with ErrorCode::cancelled.
struct LoadOptions {
    bool map = true;
    std::stop_token stop = {};
};

/// How a file is written. `durable`: its bytes and its name are on the disk before the call returns (fsync), so that they outlive a power
/// failure; otherwise the system writes them when it likes, and only the program's own end is survived.
struct WriteOptions {
    bool durable = false;
};

namespace detail {

[[noreturn, gnu::cold]] inline void fail_io(const std::string& path, std::string_view what, int error) {
    fail(ErrorCode::io, path, ": ", what, ": ", std::error_code(error, std::generic_category()).message());
}

// An open file, closed at the end of its scope.
class FileHandle {
public:
    explicit FileHandle(int descriptor) : descriptor_(descriptor) {}
    FileHandle(const FileHandle&) = delete;
    FileHandle& operator=(const FileHandle&) = delete;
    ~FileHandle() { close(); }
    int get() const { return descriptor_; }
    // 0, or the error of close(2), which is where some file systems tell of a failed write.
    int close() {
        const int descriptor = std::exchange(descriptor_, -1);
        return descriptor >= 0 && ::close(descriptor) != 0 ? errno : 0;
    }

private:
    int descriptor_;
};

// Opens for reading; not a directory, whose open would succeed.
inline int open_for_reading(const std::string& path, struct stat& status, int flags = 0) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
    if (descriptor < 0) fail_io(path, "cannot open", errno);
    int error = ::fstat(descriptor, &status) != 0 ? errno : 0;
    if (error == 0 && S_ISDIR(status.st_mode)) error = EISDIR;
    if (error != 0) {
        ::close(descriptor);
        fail_io(path, "cannot open", error);
    }
    return descriptor;
}

// Up to `size` bytes; fewer only at the end of the file. -1 with errno on failure.
inline ssize_t read_some(int descriptor, void* into, std::size_t size) {
    ssize_t count;
    do {
        count = ::read(descriptor, into, size);
    } while (count < 0 && errno == EINTR);
    return count;
}

}  // namespace detail

/// The bytes of a file, mapped or in memory, for as long as the object lives.
class FileBytes {
public:
    FileBytes(FileBytes&& other) noexcept
        : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), mapped_(other.mapped_) {}
    FileBytes& operator=(FileBytes&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(mapped_, other.mapped_);
        return *this;
    }
    ~FileBytes() {
        if (data_ != nullptr && mapped_) ::munmap(data_, size_);
        else std::free(data_);
    }

    std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }
    const std::string& path() const { return path_; }
    /// Whether the bytes are the file's pages, not a copy.
    bool mapped() const { return mapped_; }

private:
    friend FileBytes open_file(const std::string& path, const LoadOptions& options);
    FileBytes(std::string path, std::size_t size, bool mapped) : path_(std::move(path)), size_(size), mapped_(mapped) {}

    std::string path_;
    void* data_ = nullptr;  // null for an empty file
    std::size_t size_ = 0;
    bool mapped_ = false;
};

/// Opens a regular file of any size, zero included; memory it is read into is 64-byte aligned.
/// Throws io, out_of_memory, or cancelled when the options' stop token is set.
inline FileBytes open_file(const std::string& path, const LoadOptions& options = {}) {
    require(!options.stop.stop_requested(), ErrorCode::cancelled, path, ": loading was stopped");
    struct stat status {};
    detail::FileHandle file(detail::open_for_reading(path, status, O_NONBLOCK));  // a pipe must not keep us waiting
    require(S_ISREG(status.st_mode), ErrorCode::io, path, ": cannot open: not a regular file");
    FileBytes result(path, static_cast<std::size_t>(status.st_size), options.map);
    if (result.size_ == 0) return result;

    if (options.map) {
        void* address = ::mmap(nullptr, result.size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
        if (address == MAP_FAILED) detail::fail_io(path, "cannot map", errno);
        result.data_ = address;
        return result;
    }
    const std::size_t rounded = checked_add(result.size_, std::size_t{63}, path) / 64 * 64;
    result.data_ = std::aligned_alloc(64, rounded);
    require(result.data_ != nullptr, ErrorCode::out_of_memory, path, ": no memory left for its ", result.size_, " bytes");
    constexpr std::size_t piece = std::size_t{16} << 20;  // how much is read between two looks at the stop token
    for (std::size_t done = 0; done < result.size_;) {
        require(!options.stop.stop_requested(), ErrorCode::cancelled, path, ": loading was stopped after ", done, " of ", result.size_, " bytes");
        const auto count = detail::read_some(file.get(), static_cast<char*>(result.data_) + done, std::min(piece, result.size_ - done));
        if (count < 0) detail::fail_io(path, "cannot read", errno);
        require(count > 0, ErrorCode::io, path, ": it became shorter while being read: ", done, " bytes came of ", result.size_);
        done += static_cast<std::size_t>(count);
    }
    return result;
}

/// A whole file as text, as it is. Takes pipes and devices too. Throws io.
inline std::string read_text_file(const std::string& path) {
    struct stat status {};
    detail::FileHandle file(detail::open_for_reading(path, status));
    std::string text;
    char buffer[1 << 16];
    for (;;) {
        const auto count = detail::read_some(file.get(), buffer, sizeof(buffer));
        if (count < 0) detail::fail_io(path, "cannot read", errno);
        if (count == 0) return text;
        text.append(buffer, static_cast<std::size_t>(count));
    }
}

/// A text's lines, without what ends them: "\n" or "\r\n".
inline std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        lines.emplace_back(rest.substr(0, end));
        if (lines.back().ends_with('\r')) lines.back().pop_back();
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return lines;
}

/// A file's lines, whatever bytes they hold. Throws io.
inline std::vector<std::string> read_lines(const std::string& path) {
    return split_lines(read_text_file(path));
}

/// Whether there is a file (or a directory) of that name that can be looked at.
inline bool file_exists(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

/// Whether the name is a directory's.
inline bool is_directory(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

namespace detail {

// 0, or the error: a disk that is full, among others.
inline int write_all(int descriptor, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return 0;
}

// Waits until a file's bytes are on the disk: 0, or the error, which may be that of an earlier write.
inline int sync(int descriptor) {
    while (::fsync(descriptor) != 0)
        if (errno != EINTR) return errno;
    return 0;
}

// The same for the names in a file's directory, among them the file's own. Some file systems cannot, and say EINVAL.
inline void sync_directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    FileHandle handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int error = handle.get() < 0 ? errno : sync(handle.get());
    if (error != 0 && error != EINVAL) fail_io(directory, "cannot write the directory", error);
}

}  // namespace detail

/// A file being written beside its place, under another name that ends with ".partial", and moved there by commit(): others see the old file or
/// the new one, whole. Without commit, or after an error, nothing stays behind. Each member throws io.
class AtomicFile {
public:
    explicit AtomicFile(std::string path, const WriteOptions& options = {}) : path_(std::move(path)), options_(options), file_(create()) {}
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile() { discard(); }

    void write(std::span<const std::byte> bytes) {
        if (const int error = detail::write_all(file_.get(), bytes); error != 0) give_up("cannot write", error);
    }
    void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }

    void commit() {
        if (const int error = options_.durable ? detail::sync(file_.get()) : 0; error != 0) give_up("cannot write", error);
        if (const int error = file_.close(); error != 0) give_up("cannot write", error);
        if (::rename(temporary_.c_str(), path_.c_str()) != 0) give_up("cannot move the new file into place", errno);
        temporary_.clear();
        if (options_.durable) detail::sync_directory_of(path_);
    }

private:
    int create() {
        int error = EEXIST;
        for (int attempt = 0; attempt < 1000 && error == EEXIST; ++attempt) {
            temporary_ = path_ + "." + std::to_string(::getpid()) + "." + std::to_string(attempt) + ".partial";
            const int descriptor = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (descriptor >= 0) return descriptor;
            error = errno;
        }
        detail::fail_io(path_, "cannot create", error);
    }
    void discard() {
        if (!temporary_.empty()) ::unlink(temporary_.c_str());
        temporary_.clear();
    }
    [[noreturn]] void give_up(std::string_view what, int error) {
        discard();
        detail::fail_io(path_, what, error);
    }

    std::string path_, temporary_;
    WriteOptions options_;
    detail::FileHandle file_;
};

/// A log that grows at its end: what was written is in the file at once, for others who read it. Makes the file where it is missing. Throws io.
class AppendFile {
public:
    explicit AppendFile(std::string path) : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
        if (file_.get() < 0) detail::fail_io(path_, "cannot open", errno);
    }
    const std::string& path() const { return path_; }
    void write(std::string_view text) {
        if (const int error = detail::write_all(file_.get(), std::as_bytes(std::span(text.data(), text.size()))); error != 0)
            detail::fail_io(path_, "cannot write", error);
    }

private:
    std::string path_;
    detail::FileHandle file_;
};

/// Writes the parts one after the other as one file, or leaves what was there before untouched. Throws io.
inline void write_file_atomically(const std::string& path, std::span<const std::span<const std::byte>> parts, const WriteOptions& options = {}) {
    AtomicFile file(path, options);
    for (const auto part : parts) file.write(part);
    file.commit();
}

/// The same for one piece of text.
inline void write_file_atomically(const std::string& path, std::string_view text, const WriteOptions& options = {}) {
    AtomicFile file(path, options);
    file.write(text);
    file.commit();
}

}  // namespace tercet::inline TERCET_ABI
