#include "tercet/io/sha256.hpp"

#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("sha256: the standard's examples") {  // FIPS 180-4's examples, and NIST's of long messages
    CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(sha256(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: pieces of any size give the same") {
    const std::string text(300, 'x');
    for (const std::size_t piece : {1, 7, 55, 56, 63, 64, 65, 299}) {
        Sha256 hash;
        for (std::size_t at = 0; at < text.size(); at += piece) hash.add(std::string_view(text).substr(at, piece));
        CHECK(hash.digest() == sha256(text));
    }
}
