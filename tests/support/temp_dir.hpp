// A folder for one test case's files, removed at its end.
//
//   TempDir dir;
//   const std::string path = dir.write("config.json", R"({"vocab_size": 3})");
//   save(tensor, dir / "x.npy");
#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

class TempDir {
public:
    TempDir() {
        std::random_device seed;
        for (int attempt = 0; attempt < 100; ++attempt) {
            root_ = std::filesystem::temp_directory_path() / ("tercet-test-" + std::to_string(seed()));
            if (std::filesystem::create_directory(root_)) return;
        }
        throw std::runtime_error("TempDir: no folder could be made under " + std::filesystem::temp_directory_path().string());
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }

    std::string path() const { return root_.string(); }
    std::string operator/(std::string_view name) const { return (root_ / name).string(); }

    /// Writes a file, with the folders above it, and gives its path.
    std::string write(std::string_view name, std::string_view text) const {
        const auto file = root_ / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream out(file, std::ios::binary);
        out.write(text.data(), static_cast<std::streamsize>(text.size()));
        out.close();
        if (!out) throw std::runtime_error("TempDir: could not write " + file.string());
        return file.string();
    }
    std::string write(std::string_view name, std::span<const std::byte> bytes) const {
        return write(name, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    }

    /// How many files and folders there are: for tests that nothing is left behind.
    std::size_t entries() const {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : std::filesystem::recursive_directory_iterator(root_)) ++count;
        return count;
    }

private:
    std::filesystem::path root_;
};
