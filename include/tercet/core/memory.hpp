// Memory: 64-byte aligned blocks from a cache, so that a step which allocates what the step before released asks the system for nothing.
//
// Fresh pages cost more than most kernels that fill them. Released blocks wait in lists by size class (eight classes an octave: at most
// 12.5 % is lost to rounding) and are given out again, newest first. What is in use and what waits together never exceed the most that was
// in use at one time by more than an eighth, or 256 MB if that is more: beyond that the lists that were not asked for longest give blocks
// back; trim_memory() starts that count anew. Elements of tensors, working memory and the tape's nodes all come from here.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tercet::inline TERCET_ABI {

inline constexpr std::size_t storage_alignment = 64;  // a cache line, and the widest vector

/// What the allocator has done so far: all in bytes but the two counts.
struct MemoryStats {
    std::size_t in_use = 0, cached = 0;
    std::size_t requests = 0, system_requests = 0;  // blocks given out, and those among them that the system had to provide
};

namespace detail {

class BlockCache {
public:
    static std::size_t rounded(std::size_t bytes) {
        if (bytes <= 512) return std::max<std::size_t>((bytes + 63) / 64 * 64, 64);
        const std::size_t step = std::bit_floor(bytes - 1) / 8;
        return (bytes + step - 1) / step * step;
    }

    void* take(std::size_t size) {
        {
            const std::lock_guard lock(mutex_);
            ++stats_.requests;
            if (List& list = list_of(size); list.first != nullptr) {
                stats_.cached -= size;
                stats_.in_use += size;
                return std::exchange(list.first, list.first->next);
            }
            ++stats_.system_requests;
        }
        void* block = ask_system(size);
        if (block == nullptr) {  // give back what waits, and ask once more
            trim();
            block = ask_system(size);
        }
        if (block != nullptr) {
            const std::lock_guard lock(mutex_);
            stats_.in_use += size;
        }
        return block;
    }

    void give_back(void* block, std::size_t size) noexcept {
        const std::lock_guard lock(mutex_);
        peak_ = std::max(peak_, stats_.in_use);
        stats_.in_use -= size;
        List& list = list_of(size);
        list.first = new (block) Waiting{list.first};
        stats_.cached += size;
        const std::size_t most = std::max<std::size_t>(peak_ + peak_ / 8, std::size_t{256} << 20);
        while (stats_.in_use + stats_.cached > most) {
            List* oldest = nullptr;
            for (List& other : lists_)
                if (other.first != nullptr && (oldest == nullptr || other.asked < oldest->asked)) oldest = &other;
            give_up_one(*oldest);
        }
    }

    void trim() {
        const std::lock_guard lock(mutex_);
        for (List& list : lists_)
            while (list.first != nullptr) give_up_one(list);
        peak_ = stats_.in_use;
    }

    MemoryStats stats() {
        const std::lock_guard lock(mutex_);
        return stats_;
    }

private:
    struct Waiting {  // stands in the block itself
        Waiting* next;
    };
    struct List {
        Waiting* first = nullptr;
        std::size_t size = 0, asked = 0;  // of its blocks; when it was last used, by the count of requests
    };

    // The list of a rounded size.
    List& list_of(std::size_t size) {
        const auto octave = static_cast<std::size_t>(std::bit_width(size - 1) - 1);  // the size is in (2^octave, 2^(octave + 1)]
        List& list = size <= 512 ? lists_[size / 64 - 1] : lists_[8 * (octave - 8) + ((size - (std::size_t{1} << octave)) >> (octave - 3)) - 1];
        list.size = size;
        list.asked = stats_.requests;
        return list;
    }
    // Gives a block that waits back to the system.
    void give_up_one(List& list) {
        std::free(std::exchange(list.first, list.first->next));
        stats_.cached -= list.size;
    }

    // Large blocks in huge pages where the system has them: a product of matrices else spends a tenth of its time on page tables.
    static void* ask_system(std::size_t size) {
#if defined(__linux__)
        constexpr std::size_t huge_page = std::size_t{2} << 20;
        if (size >= huge_page) {
            void* block = std::aligned_alloc(huge_page, (size + huge_page - 1) / huge_page * huge_page);
            if (block != nullptr) madvise(block, size, MADV_HUGEPAGE);
            return block;
        }
#endif
        return std::aligned_alloc(storage_alignment, size);
    }

    std::mutex mutex_;
    std::array<List, 8 * 55> lists_;
    MemoryStats stats_;
    std::size_t peak_ = 0;  // the most in use since the last trim(), as of the last return
};

// Never destroyed: a tensor in a static object may be released after every other static is gone.
inline BlockCache& block_cache() {
    static BlockCache& cache = *new BlockCache;
    return cache;
}

}  // namespace detail

/// An owned block, 64-byte aligned; its content is whatever was there before. Throws out_of_memory.
class Block {
public:
    Block() = default;
    explicit Block(std::size_t bytes) : size_(checked_size(bytes)) {
        data_ = detail::block_cache().take(size_);
        require(data_ != nullptr, ErrorCode::out_of_memory, "the system has no ", bytes, " bytes left");
    }
    Block(Block&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Block& operator=(Block&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Block() {
        if (data_ != nullptr) detail::block_cache().give_back(data_, size_);
    }
    void* data() const { return data_; }

private:
    static std::size_t checked_size(std::size_t bytes) {
        require(bytes <= (std::size_t{1} << 62), ErrorCode::size_overflow, "allocation of ", bytes, " bytes");
        return detail::BlockCache::rounded(bytes);
    }

    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Working memory of a kernel: n uninitialised elements that live as long as the object.
template <class T>
class Scratch {
public:
    explicit Scratch(index_t n) : block_(n == 0 ? Block() : Block(checked_mul(static_cast<std::size_t>(n), sizeof(T), "Scratch"))) {}
    T* data() const { return static_cast<T*>(block_.data()); }
    T& operator[](index_t i) const { return data()[i]; }

private:
    Block block_;
};

namespace detail {

/// Gives the standard library's objects their memory from the same place.
template <class T>
struct PoolAllocator {
    using value_type = T;

    PoolAllocator() = default;
    template <class U>
    PoolAllocator(const PoolAllocator<U>&) {}

    T* allocate(std::size_t count) {
        static_assert(alignof(T) <= storage_alignment);
        const std::size_t bytes = checked_mul(count, sizeof(T), "allocation");
        void* block = block_cache().take(BlockCache::rounded(bytes));
        require(block != nullptr, ErrorCode::out_of_memory, "the system has no ", bytes, " bytes left");
        return static_cast<T*>(block);
    }
    void deallocate(T* block, std::size_t count) noexcept { block_cache().give_back(block, BlockCache::rounded(count * sizeof(T))); }

    friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

template <class T>
using PoolVector = std::vector<T, PoolAllocator<T>>;

template <class T, class... Arguments>
std::shared_ptr<T> make_pooled(Arguments&&... arguments) {
    return std::allocate_shared<T>(PoolAllocator<T>(), std::forward<Arguments>(arguments)...);
}

}  // namespace detail

/// What the allocator holds now and has done so far.
inline MemoryStats memory_stats() {
    return detail::block_cache().stats();
}

/// Gives all cached blocks back to the system.
inline void trim_memory() {
    detail::block_cache().trim();
}

}  // namespace tercet::inline TERCET_ABI
