// A progress bar on stderr, for work that takes longer than a second, on a terminal only: nothing is written into a pipe or a file.
//
//   Progress bar("training", steps);
//   for (… i …) { …; bar.update(i + 1); }      // draws at most ten times a second
//   bar.clear();                               // before printing something else; the destructor does it too
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include <unistd.h>

class Progress {
public:
    Progress(std::string label, long long total) : label_(std::move(label)), total_(std::max(total, 1LL)), shown_(isatty(STDERR_FILENO) != 0) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { clear(); }

    /// `done` of the total are done; `note` stands behind the bar.
    void update(long long done, const std::string& note = {}) {
        if (!shown_) return;
        if (first_ < 0) first_ = done;  // a resumed run does not start at 0
        const auto now = Clock::now();
        if (now - start_ < std::chrono::seconds(1) || now - drawn_ < std::chrono::milliseconds(100)) return;
        drawn_ = now;
        constexpr long long width = 30;
        const long long filled = std::clamp(done * width / total_, 0LL, width);
        const double seconds = std::chrono::duration<double>(now - start_).count();
        const double left = done > first_ ? seconds * static_cast<double>(total_ - done) / static_cast<double>(done - first_) : 0;
        const std::string bar = std::string(static_cast<std::size_t>(filled), '#') + std::string(static_cast<std::size_t>(width - filled), '.');
        std::fprintf(stderr, "\r\033[K%s [%s] %lld/%lld  %s left  %s", label_.c_str(), bar.c_str(), done, total_, duration(left).c_str(),
                     note.c_str());
        std::fflush(stderr);
        drawn_once_ = true;
    }

    /// Takes the bar off the screen; the next update draws it again.
    void clear() {
        if (!drawn_once_) return;
        std::fputs("\r\033[K", stderr);
        std::fflush(stderr);
        drawn_once_ = false;
        drawn_ = {};
    }

private:
    using Clock = std::chrono::steady_clock;

    // 40 s, 12:05 or 3:07:30
    static std::string duration(double seconds) {
        const auto s = static_cast<long long>(seconds + 0.5);
        char text[32];
        if (s < 100) std::snprintf(text, sizeof(text), "%lld s", s);
        else if (s < 3600) std::snprintf(text, sizeof(text), "%lld:%02lld", s / 60, s % 60);
        else std::snprintf(text, sizeof(text), "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
        return text;
    }

    std::string label_;
    long long total_, first_ = -1;
    bool shown_, drawn_once_ = false;
    Clock::time_point start_ = Clock::now(), drawn_{};
};
