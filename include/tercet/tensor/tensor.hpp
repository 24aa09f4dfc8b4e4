// Tensor<T>: a cheap handle on shared elements, with a shape and strides.
//
// Copying the handle shares the elements, clone() copies them, as in NumPy and PyTorch. Views (slice, permute, expand, reshape where
// it can) never copy. Members never record for autograd: on a tensor that needs gradients, the members that view throw and name the
// free function of the same name (ops/shape.hpp) that does. Reading goes through data(), writing through mutable_data(), which
// counts the write so that autograd notices when something it saved has changed.
#pragma once

#include "tercet/backend/backend.hpp"
#include "tercet/core/random.hpp"
#include "tercet/tensor/storage.hpp"

#include <numeric>
#include <optional>
#include <vector>

namespace tercet::inline TERCET_ABI {

template <Element T>
class Tensor;

/// The place of one tensor on the autograd tape (autograd/tape.hpp); null for a tensor that takes no part.
struct Node;

/// A range of indices along one dimension, as Python's begin:end:step; missing ends reach to the border.
struct Range {
    std::optional<index_t> begin{}, end{};
    index_t step = 1;
};

namespace detail {
inline thread_local int no_grad_depth = 0;  // > 0: nothing is recorded in this thread (autograd/tape.hpp)
}

template <Element T>
class Tensor {
public:
    using value_type = T;

    /// An empty tensor of shape (0,).
    Tensor() : shape_{0}, strides_{1} {}

    // ---- making tensors ----

    /// Uninitialised elements.
    static Tensor empty(const Shape& shape) {
        Tensor t;
        t.storage_ = Storage<T>::allocate(element_count(shape));
        t.shape_ = shape;
        t.strides_ = contiguous_strides(shape);
        return t;
    }
    static Tensor full(const Shape& shape, T value) {
        Tensor t = empty(shape);
        t.fill(value);
        return t;
    }
    static Tensor zeros(const Shape& shape) { return full(shape, T{}); }
    static Tensor ones(const Shape& shape) { return full(shape, static_cast<T>(1)); }
    static Tensor scalar(T value) { return full({}, value); }

    /// begin, begin + step, … up to but without end: (ceil((end − begin) / step)).
    static Tensor arange(double begin, double end, double step = 1) {
        require(step != 0 && step == step, ErrorCode::invalid_argument, "arange: the step must not be zero");
        const double count = std::ceil((end - begin) / step);
        require(count < 0x1p62, ErrorCode::size_overflow, "arange: from ", begin, " to ", end, " by ", step, " has too many elements");
        Tensor t = empty({static_cast<index_t>(std::max(0.0, count))});
        T* out = t.mutable_data();
        for (index_t i = 0; i < t.numel(); ++i) out[i] = Device::template convert<T>(begin + static_cast<double>(i) * step);
        return t;
    }
    /// `count` numbers from first to last, both included.
    static Tensor linspace(double first, double last, index_t count) {
        Tensor t = empty({count});
        T* out = t.mutable_data();
        for (index_t i = 0; i < count; ++i)
            out[i] = Device::template convert<T>(i == 0           ? first
                                                 : i == count - 1 ? last
                                                                  : first + (last - first) * static_cast<double>(i) / static_cast<double>(count - 1));
        return t;
    }
    /// The identity matrix (n, n).
    static Tensor eye(index_t n) {
        Tensor t = zeros({n, n});
        T* out = t.mutable_data();
        for (index_t i = 0; i < n; ++i) out[i * (n + 1)] = static_cast<T>(1);
        return t;
    }
    /// Standard normal numbers; from this thread's default stream unless one is given.
    static Tensor randn(const Shape& shape, Generator& generator = default_generator()) requires Real<T> {
        Tensor t = empty(shape);
        generator.fill_normal(t.mutable_data(), t.numel());
        return t;
    }
    /// Uniform numbers in [0, 1).
    static Tensor rand(const Shape& shape, Generator& generator = default_generator()) requires Real<T> {
        Tensor t = empty(shape);
        generator.fill_uniform(t.mutable_data(), t.numel());
        return t;
    }
    /// Uniform integers in [low, high).
    static Tensor randint(index_t low, index_t high, const Shape& shape, Generator& generator = default_generator()) {
        require(high > low, ErrorCode::invalid_argument, "randint: nothing lies in [", low, ", ", high, ")");
        Tensor t = empty(shape);
        T* out = t.mutable_data();
        const auto first = static_cast<std::uint64_t>(low),
                   range = static_cast<std::uint64_t>(high) - first;  // without sign: the range may be wider than index_t
        for (index_t i = 0; i < t.numel(); ++i) out[i] = Device::template convert<T>(static_cast<index_t>(first + generator.below(range)));
        return t;
    }

    /// A copy of the elements in row-major order. Throws shape_mismatch unless there are as many as the shape asks for.
    static Tensor copy(std::span<const T> values, const Shape& shape) {
        check_count("copy", static_cast<index_t>(values.size()), shape);
        Tensor t = empty(shape);
        std::copy(values.begin(), values.end(), t.storage_->data(true));
        return t;
    }
    static Tensor copy(std::initializer_list<T> values, const Shape& shape) {
        Tensor t = empty(shape);
        check_count("copy", static_cast<index_t>(values.size()), shape);
        std::copy(values.begin(), values.end(), t.storage_->data(true));
        return t;
    }
    /// The caller's memory, which must outlive every tensor that shares it; or be kept alive by `owner`. Where the backend has memory of its own,
    /// what the caller writes to it later is not noticed, and what is computed into the tensor is there after data().
    static Tensor borrow(T* data, const Shape& shape, std::optional<Shape> strides = {}, std::shared_ptr<const void> owner = {}) {
        const index_t count = element_count(shape);
        Tensor t;
        t.shape_ = shape;
        t.strides_ = strides.value_or(contiguous_strides(shape));
        require(t.strides_.rank() == shape.rank(), ErrorCode::shape_mismatch, "borrow: strides ", t.strides_, " for shape ", shape);
        require(data != nullptr || count == 0, ErrorCode::invalid_argument, "borrow: a null pointer for shape ", shape);
        // From the lowest element to the highest: with gaps between them that is more than there are.
        index_t before = 0, extent = count == 0 ? 0 : 1;
        for (index_t d = 0; d < shape.rank() && count > 0; ++d) {
            const index_t way = (shape[d] - 1) * t.strides_[d];
            extent += way < 0 ? -way : way;
            if (way < 0) before -= way;
        }
        t.storage_ = Storage<T>::of(data == nullptr ? nullptr : data - before, extent, std::move(owner));
        t.offset_ = before;
        return t;
    }
    /// The vector's own memory, without a copy.
    static Tensor adopt(std::vector<T>&& values, const Shape& shape) requires(!std::is_same_v<T, bool>) {
        check_count("adopt", static_cast<index_t>(values.size()), shape);
        auto owner = std::make_shared<std::vector<T>>(std::move(values));
        T* data = owner->data();
        return borrow(data, shape, {}, std::move(owner));
    }

    // ---- what it is ----

    const Shape& shape() const { return shape_; }
    const Shape& strides() const { return strides_; }
    index_t rank() const { return shape_.rank(); }
    /// The extent of a dimension, counted from the back when negative.
    index_t size(index_t dim) const { return shape_[wrap_dim(dim, rank(), "size")]; }
    index_t numel() const { return element_count(shape_); }
    bool is_contiguous() const { return tercet::is_contiguous(shape_, strides_); }
    static constexpr DType dtype() { return dtype_of<T>; }

    // ---- elements ----

    /// The first element, for reading; the others lie by strides(). Null only for an empty tensor.
    const T* data() const { return storage_ == nullptr ? nullptr : storage_->data() + offset_; }
    /// The first element, for writing: counts as a change of everything that shares this storage. Where the backend has memory of its own, ask anew
    /// before each round of writing: what is written after the tensor was used there is not noticed.
    T* mutable_data() { return touched() ? storage_->data(true) + offset_ : nullptr; }
    /// The same where the backend works (the device's memory, where that is a GPU): for what is handed to Device.
    const T* device_data() const { return storage_ == nullptr ? nullptr : storage_->device_data() + offset_; }
    T* mutable_device_data() { return touched() ? storage_->device_data(true) + offset_ : nullptr; }
    /// The same where B, one of the two backends, works.
    template <class B>
    const T* data_for() const {
        if constexpr (std::is_same_v<B, cpu::Backend>) return data();
        else return device_data();
    }
    template <class B>
    T* mutable_data_for() {
        if constexpr (std::is_same_v<B, cpu::Backend>) return mutable_data();
        else return mutable_device_data();
    }
    /// The elements of a contiguous tensor.
    std::span<const T> span() const {
        require(is_contiguous(), ErrorCode::invalid_argument, "span: the tensor ", shape_, " is not contiguous; call contiguous() first");
        return {data(), static_cast<std::size_t>(numel())};
    }
    /// A copy of the elements in row-major order.
    std::vector<T> to_vector() const {
        const Tensor c = detached().contiguous();
        return std::vector<T>(c.data(), c.data() + c.numel());
    }
    /// One element; negative indices count from the back. Throws index_out_of_range.
    template <std::convertible_to<index_t>... Index>
    T operator()(Index... index) const {
        const index_t where = offset_of({static_cast<index_t>(index)...});
        return storage_->data()[where];
    }
    /// One element, to be written to.
    template <std::convertible_to<index_t>... Index>
    T& at(Index... index) {
        const index_t where = offset_of({static_cast<index_t>(index)...});
        mutable_data();
        return storage_->data(true)[where];
    }
    /// The only element. Throws shape_mismatch when there are more.
    T item() const {
        require(numel() == 1, ErrorCode::shape_mismatch, "item: a tensor of shape ", shape_, " has ", numel(), " elements, not one");
        return *data();
    }
    void fill(T value) {
        using B = Copying<T, T>;
        B::fill(mutable_data_for<B>(), strides_, value, shape_);
    }
    /// Overwrites the elements with those of `source`, which is broadcast to this shape.
    void copy_from(const Tensor& source) {
        using B = Copying<T, T>;
        const Shape from = broadcast_strides(source.shape_, source.strides_, shape_, "copy_from");
        if (source.storage_ == storage_ && storage_ != nullptr) return copy_from(source.detached().clone());
        B::copy(mutable_data_for<B>(), strides_, source.template data_for<B>(), from, shape_);
    }

    // ---- views ----

    /// The same elements, off the tape.
    Tensor detach() const { return detached(); }
    /// Dimensions in another order.
    Tensor permute(const Shape& order) const {
        require(order.rank() == rank(), ErrorCode::shape_mismatch, "permute: ", order, " does not name the ", rank(), " dimensions of ", shape_);
        Tensor t = view("permute");
        unsigned seen = 0;
        for (index_t d = 0; d < rank(); ++d) {
            const index_t from = wrap_dim(order[d], rank(), "permute");
            require((seen >> from & 1) == 0, ErrorCode::invalid_argument, "permute: ", order, " names dimension ", from, " twice");
            seen |= 1u << from;
            t.shape_[d] = shape_[from];
            t.strides_[d] = strides_[from];
        }
        return t;
    }
    /// Two dimensions exchanged, the last two unless named.
    Tensor transpose(index_t a = -2, index_t b = -1) const {
        Tensor t = view("transpose");
        a = wrap_dim(a, rank(), "transpose");
        b = wrap_dim(b, rank(), "transpose");
        std::swap(t.shape_[a], t.shape_[b]);
        std::swap(t.strides_[a], t.strides_[b]);
        return t;
    }
    /// Elements begin, begin + step, … before end of one dimension; indices count from the back when negative and are clipped, as in Python.
    Tensor slice(index_t dim, Range range) const {
        Tensor t = view("slice");
        dim = wrap_dim(dim, rank(), "slice");
        require(range.step != 0, ErrorCode::invalid_argument, "slice: the step must not be zero");
        const index_t n = shape_[dim], step = std::clamp<index_t>(range.step, -n - 1, n + 1);  // a longer step meets one element, too
        const auto clip = [&](index_t i, index_t low, index_t high) { return std::clamp(i < 0 ? i + n : i, low, high); };
        const index_t begin = step > 0 ? clip(range.begin.value_or(0), 0, n) : range.begin ? clip(*range.begin, -1, n - 1) : n - 1;
        const index_t end = step > 0 ? clip(range.end.value_or(n), 0, n) : range.end ? clip(*range.end, -1, n - 1) : -1;
        const index_t span = step > 0 ? end - begin : begin - end, stride = step > 0 ? step : -step;
        t.shape_[dim] = span <= 0 ? 0 : (span + stride - 1) / stride;
        t.strides_[dim] = strides_[dim] * step;
        if (t.shape_[dim] > 0) t.offset_ += begin * strides_[dim];
        return t;
    }
    Tensor slice(index_t dim, index_t begin, index_t end) const { return slice(dim, Range{begin, end}); }
    /// One index of a dimension, which disappears.
    Tensor select(index_t dim, index_t index) const {
        Tensor t = view("select");
        dim = wrap_dim(dim, rank(), "select");
        t.offset_ += wrap_index(index, dim) * strides_[dim];
        t.shape_.erase(dim);
        t.strides_.erase(dim);
        return t;
    }
    Tensor operator[](index_t index) const { return select(0, index); }
    /// Extents of 1 stretched to `target`, without a copy.
    Tensor expand(const Shape& target) const {
        Tensor t = view("expand");
        t.strides_ = broadcast_strides(shape_, strides_, target, "expand");
        t.shape_ = target;
        element_count(target);  // throws when it does not fit
        return t;
    }
    Tensor unsqueeze(index_t dim) const {
        Tensor t = view("unsqueeze");
        dim = wrap_dim(dim, rank() + 1, "unsqueeze");
        t.shape_.insert(dim, 1);
        t.strides_.insert(dim, dim < rank() ? strides_[dim] * shape_[dim] : 1);
        return t;
    }
    Tensor squeeze(index_t dim) const {
        Tensor t = view("squeeze");
        dim = wrap_dim(dim, rank(), "squeeze");
        require(shape_[dim] == 1, ErrorCode::shape_mismatch, "squeeze: dimension ", dim, " of ", shape_, " is not 1");
        t.shape_.erase(dim);
        t.strides_.erase(dim);
        return t;
    }
    /// The same elements in another shape, one extent of which may be −1. A view where the strides allow it, a copy elsewhere.
    Tensor reshape(const Shape& target) const {
        Tensor t = view("reshape");
        const Shape shape = completed(target);
        if (const auto strides = reshaped_strides(shape)) {
            t.strides_ = *strides;
        } else {
            t = detached().contiguous();
            t.strides_ = contiguous_strides(shape);
        }
        t.shape_ = shape;
        return t;
    }

    // ---- copies ----

    /// This tensor if its elements lie in row-major order, a copy otherwise.
    Tensor contiguous() const { return is_contiguous() ? view("contiguous") : detached().clone(); }
    /// The elements copied, in row-major order, off the tape.
    Tensor clone() const { return to<T>(); }
    /// The elements in another type. From float to an integer cuts off the fraction; NaN gives 0.
    template <Element U>
    Tensor<U> to() const {
        using B = Copying<U, T>;
        auto t = Tensor<U>::empty(shape_);
        B::copy(t.template mutable_data_for<B>(), t.strides(), data_for<B>(), strides_, shape_);
        return t;
    }

    // ---- autograd (defined in autograd/tape.hpp) ----

    /// Makes this tensor a leaf whose gradient backward() collects.
    Tensor& requires_grad(bool on = true) & requires Real<T>;
    Tensor requires_grad(bool on = true) && requires Real<T> {
        requires_grad(on);
        return std::move(*this);
    }
    /// Whether this tensor is on the tape.
    bool needs_grad() const { return node_ != nullptr; }
    /// The gradient collected so far; of shape (0,) before the first backward().
    Tensor grad() const requires Real<T>;
    /// Forgets the gradient.
    void zero_grad() requires Real<T>;
    /// Walks the tape back from this tensor, which must have one element unless dy is given.
    void backward(const std::optional<Tensor>& dy = {}) const requires Real<T>;

    const std::shared_ptr<Node>& node() const { return node_; }
    void set_node(std::shared_ptr<Node> node) { node_ = std::move(node); }
    const std::shared_ptr<Storage<T>>& storage() const { return storage_; }

private:
    // What copies between two types: the backend, where it holds both.
    template <class To, class From>
    using Copying = std::conditional_t<Device::template holds<To> && Device::template holds<From>, Device, cpu::Backend>;

    // Whether there are elements to write to; they count as changed then.
    bool touched() {
        if (storage_ == nullptr) return false;
        require(node_ == nullptr || detail::no_grad_depth > 0, ErrorCode::autograd,
                "mutable_data: writing to a tensor that needs gradients goes past the tape; do it under NoGrad");
        storage_->touch();
        return true;
    }
    static void check_count(std::string_view what, index_t count, const Shape& shape) {
        require(count == element_count(shape), ErrorCode::shape_mismatch, what, ": ", count, " values for shape ", shape, ", which has ",
                element_count(shape));
    }
    Tensor detached() const {
        Tensor t = *this;
        t.node_ = nullptr;
        return t;
    }
    Tensor view(std::string_view what) const {
        require(node_ == nullptr || detail::no_grad_depth > 0, ErrorCode::autograd, what,
                ": a member does not record; for a tensor that needs gradients use the function ", what, "(x, …), or detach() it");
        return detached();
    }
    index_t wrap_index(index_t index, index_t dim) const {
        const index_t n = shape_[dim];
        require(index >= -n && index < n, ErrorCode::index_out_of_range, "index ", index, " of dimension ", dim, " in shape ", shape_);
        return index < 0 ? index + n : index;
    }
    index_t offset_of(std::initializer_list<index_t> index) const {
        require(static_cast<index_t>(index.size()) == rank(), ErrorCode::index_out_of_range, index.size(), " indices for shape ", shape_);
        index_t where = offset_, dim = 0;
        for (const index_t i : index) {
            where += wrap_index(i, dim) * strides_[dim];
            ++dim;
        }
        return where;
    }
    // The target with its −1, if any, worked out.
    Shape completed(Shape target) const {
        index_t known = 1, open = -1;
        for (index_t d = 0; d < target.rank(); ++d) {
            if (target[d] == -1) {
                require(open < 0, ErrorCode::invalid_argument, "reshape: more than one -1 in ", target);
                open = d;
            } else {
                require(target[d] >= 0, ErrorCode::invalid_argument, "reshape: negative extent in ", target);
                known = checked_mul(known, target[d], "reshape");
            }
        }
        if (open >= 0) {
            require(known > 0 && numel() % known == 0, ErrorCode::shape_mismatch, "reshape: ", shape_, " does not fill ", target);
            target[open] = numel() / known;
        }
        require(element_count(target) == numel(), ErrorCode::shape_mismatch, "reshape: ", shape_, " has ", numel(), " elements, ", target, " has ",
                element_count(target));
        return target;
    }
    // Strides of the same memory in another shape: each run of old dimensions that lies without a gap is cut anew. None where a new
    // dimension would straddle two runs.
    std::optional<Shape> reshaped_strides(const Shape& target) const {
        if (numel() == 0) return contiguous_strides(target);
        Shape extents{}, steps{};  // the runs, from the front: each without a gap inside
        for (index_t d = 0; d < rank(); ++d) {
            if (shape_[d] == 1) continue;
            const index_t last = extents.rank() - 1;
            if (last >= 0 && steps[last] == strides_[d] * shape_[d]) {
                extents[last] *= shape_[d];
                steps[last] = strides_[d];
            } else {
                extents.push_back(shape_[d]);
                steps.push_back(strides_[d]);
            }
        }
        Shape strides = Shape::filled(target.rank(), 1);
        index_t run = extents.rank() - 1, left = run >= 0 ? extents[run] : 1, step = run >= 0 ? steps[run] : 1;
        for (index_t t = target.rank(); t-- > 0;) {
            if (left == 1 && target[t] != 1) {  // this run is used up: on to the one before
                --run;
                left = extents[run];
                step = steps[run];
            }
            strides[t] = step;
            if (left % target[t] != 0) return {};
            left /= target[t];
            step *= target[t];
        }
        return strides;
    }

    std::shared_ptr<Storage<T>> storage_;
    Shape shape_, strides_;
    index_t offset_ = 0;
    std::shared_ptr<Node> node_;
};

/// What computes with elements of a type: the backend, or the CPU for those that the backend leaves to the host.
template <Element T>
using BackendOf = std::conditional_t<Device::template computes<T>, Device, cpu::Backend>;

}  // namespace tercet::inline TERCET_ABI
