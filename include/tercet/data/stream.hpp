// A stream: examples that come one after the other and are made when they are asked for, so that data larger than memory goes through.
//
//   auto texts = text_lines("corpus.txt").filter(long_enough).map(cleaned).shuffle(10000, seed).take(1000000);
//   while (const auto text = texts.next()) …            // or: for (const auto& text : texts) …
//
// Each step takes the stream before it, which has nothing to give any more then. A stream is gone through once; for another epoch it is made anew.
#pragma once

#include "tercet/core/random.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

template <class T>
class Stream {
public:
    using value_type = T;

    Stream() = default;
    /// What next() gives comes from this function, until it gives nothing; it is not asked again.
    explicit Stream(std::function<std::optional<T>()> source) : source_(std::move(source)) {}
    /// The elements of a list.
    static Stream of(std::vector<T> values) {
        return Stream([list = std::make_shared<std::vector<T>>(std::move(values)), i = std::size_t{0}]() mutable {
            return i < list->size() ? std::optional<T>(std::move((*list)[i++])) : std::nullopt;
        });
    }

    /// The next one, or nothing at the end. Throws what the functions of its steps throw.
    std::optional<T> next() {
        if (!source_) return {};
        auto value = source_();
        if (!value) source_ = nullptr;  // lets go of what it was made from
        return value;
    }

    /// f(x) for each.
    template <class F>
    auto map(F f) && {
        using Result = std::decay_t<std::invoke_result_t<F&, T>>;
        return Stream<Result>([before = shared(), f = std::move(f)]() mutable {
            auto x = before->next();
            return x ? std::optional<Result>(f(std::move(*x))) : std::nullopt;
        });
    }
    /// Those for which keep(x) holds.
    template <class F>
    Stream filter(F keep) && {
        return Stream([before = shared(), keep = std::move(keep)]() mutable {
            auto x = before->next();
            while (x && !keep(std::as_const(*x))) x = before->next();
            return x;
        });
    }
    /// The first n.
    Stream take(index_t n) && {
        return Stream([before = shared(), n]() mutable { return n-- > 0 ? before->next() : std::nullopt; });
    }
    /// All but the first n.
    Stream skip(index_t n) && {
        return Stream([before = shared(), n]() mutable {
            for (; n > 0 && before->next(); --n) {}
            return before->next();
        });
    }
    /// In an order of chance: `room` of them wait, one of which by chance goes on and makes room for the next. With room for all it is a shuffle
    /// in which each order is as likely; with less, each moves some `room` places. Throws invalid_argument for no room.
    Stream shuffle(index_t room, std::uint64_t seed) && {
        require(room >= 1, ErrorCode::invalid_argument, "shuffle: room for ", room);
        return Stream([before = shared(), room, generator = Generator(seed), waiting = std::make_shared<std::vector<T>>()]() mutable {
            while (static_cast<index_t>(waiting->size()) < room) {
                auto x = before->next();
                if (!x) break;
                waiting->push_back(std::move(*x));
            }
            if (waiting->empty()) return std::optional<T>();
            std::swap((*waiting)[generator.below(waiting->size())], waiting->back());
            std::optional<T> chosen(std::move(waiting->back()));
            waiting->pop_back();
            return chosen;
        });
    }
    /// Lists of n, the last of what is left. Throws invalid_argument for lists of none.
    Stream<std::vector<T>> batches(index_t n) && {
        require(n >= 1, ErrorCode::invalid_argument, "batches: of ", n);
        return Stream<std::vector<T>>([before = shared(), n]() {
            std::vector<T> batch;
            while (static_cast<index_t>(batch.size()) < n) {
                auto x = before->next();
                if (!x) break;
                batch.push_back(std::move(*x));
            }
            return batch.empty() ? std::nullopt : std::optional(std::move(batch));
        });
    }
    /// All that is left.
    std::vector<T> to_vector() && {
        std::vector<T> all;
        while (auto x = next()) all.push_back(std::move(*x));
        return all;
    }

    /// For range-for.
    class Iterator {
    public:
        explicit Iterator(Stream* stream) : stream_(stream) { ++*this; }
        const T& operator*() const { return *value_; }
        Iterator& operator++() {
            value_ = stream_->next();
            return *this;
        }
        bool operator==(std::nullptr_t) const { return !value_; }

    private:
        Stream* stream_;
        std::optional<T> value_;
    };
    Iterator begin() { return Iterator(this); }
    std::nullptr_t end() const { return nullptr; }

private:
    std::shared_ptr<Stream> shared() { return std::make_shared<Stream>(std::exchange(*this, Stream())); }

    std::function<std::optional<T>()> source_;
};

/// One stream after the other.
template <class T>
Stream<T> concatenate(std::vector<Stream<T>> streams) {
    return Stream<T>([all = std::make_shared<std::vector<Stream<T>>>(std::move(streams)), i = std::size_t{0}]() mutable {
        for (; i < all->size(); ++i)
            if (auto x = (*all)[i].next()) return x;
        return std::optional<T>();
    });
}

}  // namespace tercet::inline TERCET_ABI
