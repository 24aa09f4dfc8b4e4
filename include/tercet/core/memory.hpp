// Memory: 64-byte aligned blocks from a cache, so that a step which allocates what the step before released asks the system for nothing.
//
// Fresh pages cost more than most kernels that fill them. Released blocks wait in lists by size class (eight classes an octave: at most
// 12.5 % is lost to rounding) and are given out again, newest first. What is in use and what waits together never exceed the most that was
// in use at one time, or 256 MB if that is more; trim_memory() starts that count anew.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <unordered_map>
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
            stats_.in_use += size;
            peak_ = std::max(peak_, stats_.in_use);
            if (const auto list = free_.find(size); list != free_.end() && !list->second.empty()) {
                void* block = list->second.back();
                list->second.pop_back();
                stats_.cached -= size;
                return block;
            }
            ++stats_.system_requests;
        }
        void* block = ask_system(size);
        if (block == nullptr) {  // give back what waits, and ask once more
            trim();
            block = ask_system(size);
        }
        if (block == nullptr) {
            const std::lock_guard lock(mutex_);
            stats_.in_use -= size;
        }
        return block;
    }

    void give_back(void* block, std::size_t size) noexcept {
        {
            const std::lock_guard lock(mutex_);
            stats_.in_use -= size;
            if (stats_.in_use + stats_.cached + size <= std::max<std::size_t>(peak_, std::size_t{256} << 20)) {
                free_[size].push_back(block);
                stats_.cached += size;
                return;
            }
        }
        std::free(block);
    }

    void trim() {
        const std::lock_guard lock(mutex_);
        for (auto& [size, blocks] : free_)
            for (void* block : blocks) std::free(block);
        free_.clear();
        stats_.cached = 0;
        peak_ = stats_.in_use;
    }

    MemoryStats stats() {
        const std::lock_guard lock(mutex_);
        return stats_;
    }

private:
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
    std::unordered_map<std::size_t, std::vector<void*>> free_;
    MemoryStats stats_;
    std::size_t peak_ = 0;  // the most in use since the last trim()
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

/// What the allocator holds now and has done so far.
inline MemoryStats memory_stats() {
    return detail::block_cache().stats();
}

/// Gives all cached blocks back to the system.
inline void trim_memory() {
    detail::block_cache().trim();
}

}  // namespace tercet::inline TERCET_ABI
