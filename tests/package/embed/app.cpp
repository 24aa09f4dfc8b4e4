// Compares what is inside with the files: app SOURCE-FOLDER
#include <tercet/core/error.hpp>
#include <tercet_embedded/nothing.hpp>
#include <tercet_embedded/reversed.hpp>
#include <tercet_embedded/some_bin.hpp>
#include <tercet_embedded/text.hpp>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

namespace {

void compare(std::span<const std::byte> inside, const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string expected{std::istreambuf_iterator<char>(file), {}};
    tercet::require(file.good() || file.eof(), tercet::ErrorCode::io, path, ": cannot read");
    const std::string got(reinterpret_cast<const char*>(inside.data()), inside.size());
    tercet::require(got == expected, tercet::ErrorCode::io, path, ": ", inside.size(), " bytes inside differ from its ", expected.size());
    tercet::require(reinterpret_cast<std::uintptr_t>(inside.data()) % 64 == 0, tercet::ErrorCode::io, path, ": not aligned");
    std::printf("%s: %zu bytes\n", path.c_str(), inside.size());
}

}  // namespace

int main(int, char** argv) {
    const std::string folder = std::string(argv[1]) + "/";
    try {
        compare(tercet::embedded::some_bin(), folder + "some.bin");
        compare(tercet::embedded::nothing(), folder + "empty");
        compare(tercet::embedded::text(), folder + "with spaces.txt");
        compare(tercet::embedded::reversed(), folder + "build/reversed.bin");
    } catch (const tercet::Error& error) {
        std::printf("%s\n", error.what());
        return 1;
    }
}
