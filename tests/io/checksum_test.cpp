#include "tercet/io/checksum.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <string>

using namespace tercet;

TEST_CASE("crc32c: gives the values of RFC 3720, appendix B.4", "[io]") {
    std::string up, down;
    for (int i = 0; i < 32; ++i) {
        up += static_cast<char>(i);
        down += static_cast<char>(31 - i);
    }
    CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
    CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43);
    CHECK(crc32c(up) == 0x46DD794E);
    CHECK(crc32c(down) == 0x113FDB5C);
    CHECK(crc32c("123456789") == 0xE3069283);
    CHECK(crc32c("") == 0);
}

TEST_CASE("crc32c: pieces give the same as the whole, wherever they are cut", "[io]") {
    std::string text;
    for (int i = 0; i < 100; ++i) text += static_cast<char>(i * i);
    const std::string_view whole = text;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) CHECK(crc32c(whole.substr(cut), crc32c(whole.substr(0, cut))) == crc32c(whole));
}

TEST_CASE("crc32c: a message with its checksum behind it leaves the residue, and any changed byte another", "[io]") {
    for (const std::size_t size : {0u, 1u, 15u, 16u, 67u}) {
        std::string text(size, 'm');
        const std::uint32_t crc = crc32c(text);
        text.append(reinterpret_cast<const char*>(&crc), 4);
        CHECK(crc32c(text) == crc32c_residue);
        for (char& byte : text)
            for (int bit = 0; bit < 8; ++bit) {
                byte = static_cast<char>(byte ^ (1 << bit));
                CHECK(crc32c(text) != crc32c_residue);
                byte = static_cast<char>(byte ^ (1 << bit));
            }
    }
}

TEST_CASE("crc32c: speed", "[io][.speed]") {
    const std::string text(std::size_t{64} << 20, 'x');
    const auto start = std::chrono::steady_clock::now();
    const auto crc = crc32c(text);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    WARN("crc32c: " << 0.001 * static_cast<double>(text.size()) / 1e6 / seconds << " GB/s (" << crc << ")");
}
