// Directories: made where there are none, and paths in them. Apart from io/mmap.hpp, since <filesystem> is slow to compile.
#pragma once

#include "tercet/core/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace tercet::inline TERCET_ABI {

inline std::string join_path(const std::string& directory, std::string_view name) {
    return (std::filesystem::path(directory) / name).string();
}

/// Makes a directory, and those above it, where they are not there. Throws io.
inline void make_directory(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    require(!error, ErrorCode::io, path, ": cannot make the directory: ", error.message());
}

}  // namespace tercet::inline TERCET_ABI
