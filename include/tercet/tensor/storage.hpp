// Storage: the memory behind one or more tensors, and the version counter that tells when it was written to.
//
// Where the backend works in memory of its own, the elements have two sides, and each is brought up to date when it is asked for.
#pragma once

#include "tercet/backend/backend.hpp"
#include "tercet/core/memory.hpp"

#include <memory>

namespace tercet::inline TERCET_ABI {

/// Elements somebody owns: a block of ours, a vector that was handed over, or the caller's own memory.
template <class T>
class Storage {
public:
    /// count uninitialised elements, 64-byte aligned.
    static std::shared_ptr<Storage> allocate(index_t count) {
        auto storage = detail::make_pooled<Storage>();
        storage->block_ = Block(checked_mul(static_cast<std::size_t>(count), sizeof(T), "tensor"));
        storage->data_ = static_cast<T*>(storage->block_.data());
        storage->count_ = count;
        return storage;
    }
    /// Memory kept alive by `owner`, or by the caller when that is null.
    static std::shared_ptr<Storage> of(T* data, index_t count, std::shared_ptr<const void> owner) {
        auto storage = detail::make_pooled<Storage>();
        storage->data_ = data;
        storage->count_ = count;
        storage->owner_ = std::move(owner);
        storage->mirror_.host(data, storage->bytes(), true);  // there is something in it
        return storage;
    }

    /// The elements for the host, and for the backend; `write`: they are about to change there, and the other side falls behind.
    T* data(bool write = false) const {
        mirror_.host(data_, bytes(), write);
        return data_;
    }
    T* device_data(bool write = false) const { return mirror_.device(data_, bytes(), write); }
    index_t count() const { return count_; }
    /// Whether the elements are in a block of ours, which nobody knows but the tensors on this storage.
    bool owned() const { return block_.data() != nullptr; }

    /// How often the elements may have been written to; relaxed, since a tensor is not written to by two threads at once.
    std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }
    void touch() { version_.fetch_add(1, std::memory_order_relaxed); }

private:
    std::size_t bytes() const { return static_cast<std::size_t>(count_) * sizeof(T); }

    Block block_;
    std::shared_ptr<const void> owner_;
    T* data_ = nullptr;
    index_t count_ = 0;
    [[no_unique_address]] mutable Device::Mirror mirror_;
    std::atomic<std::uint64_t> version_{0};
};

}  // namespace tercet::inline TERCET_ABI
