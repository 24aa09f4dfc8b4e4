#include "support/catch.hpp"

#include "tercet/core/log.hpp"

#include <string>
#include <vector>

using namespace tercet;

TEST_CASE("messages go to the sink that is set, and nowhere without one", "[core]") {
    struct Heard {
        std::vector<std::pair<LogLevel, std::string>> messages;
    } heard;
    log(LogLevel::info, "nobody listens");
    set_log_sink([](void* user, LogLevel level, std::string_view message) { static_cast<Heard*>(user)->messages.emplace_back(level, message); },
                 &heard);
    log(LogLevel::warning, "loaded ", 3, " of ", 4);
    log(LogLevel::debug, "x");
    set_log_sink(nullptr);
    log(LogLevel::info, "silent again");
    REQUIRE(heard.messages.size() == 2);
    CHECK(heard.messages[0].first == LogLevel::warning);
    CHECK(heard.messages[0].second == "loaded 3 of 4");
    CHECK(heard.messages[1].first == LogLevel::debug);
}

TEST_CASE("a sink may log and set sinks itself", "[core]") {
    static int calls = 0;
    calls = 0;
    set_log_sink([](void*, LogLevel, std::string_view) {
        if (++calls == 1) log(LogLevel::info, "from within");
        else set_log_sink(nullptr);
    });
    log(LogLevel::info, "once");
    log(LogLevel::info, "to nobody");
    CHECK(calls == 2);
}
