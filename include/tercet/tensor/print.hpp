// Printing, character for character as NumPy 2.4's print() does.
//
//   [[ 1.   2.5]      columns aligned at the point, as many digits as tell an element from its neighbours, at most `precision`;
//    [-3.  nan ]]     scientific where the range is wide; rows wrapped at `line_width`; the middle left out of large tensors
//
// Digits are the shortest that read back as the same number of the same type. 16-bit floats follow the same rules.
#pragma once

#include "tercet/tensor/tensor.hpp"

#include <charconv>
#include <string>

namespace tercet::inline TERCET_ABI {

struct PrintOptions {
    int precision = 8;         // digits after the point, at most
    index_t threshold = 1000;  // tensors with more elements are shown by their edges
    index_t edge_items = 3;    // indices at each end of a dimension that are shown then
    std::size_t line_width = 75;
};

namespace detail {

inline constexpr int most_digits = 200;  // of PrintOptions::precision

// Scientific text with `precision` digits after the point, correctly rounded; or, below zero, with the fewest digits that read back as x.
template <class T>
std::string scientific_text(T x, int precision) {
    char text[most_digits + 16];
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
        const auto end = precision < 0 ? std::to_chars(text, text + sizeof text, x, std::chars_format::scientific)
                                       : std::to_chars(text, text + sizeof text, x, std::chars_format::scientific, precision);
        return std::string(text, end.ptr);
    } else {  // 16 bits: try lengths, of which few are needed
        const auto wide = static_cast<float>(x);
        if (precision >= 0) return scientific_text(wide, precision);
        for (int digits = 0;; ++digits) {
            std::string candidate = scientific_text(wide, digits);
            float back = 0;
            std::from_chars(candidate.data(), candidate.data() + candidate.size(), back, std::chars_format::scientific);
            if (T(back).bits == x.bits || digits == 8) return candidate;
        }
    }
}

// A number as text in its parts: "-12", "345", "-05" for −12.345e-05. An empty exponent means positional.
struct NumberText {
    std::string whole, fraction, exponent;
};

inline void trim_zeros(std::string& digits) {
    digits.erase(digits.find_last_not_of('0') + 1);
}

inline NumberText split_scientific(const std::string& text) {
    const auto e = text.find('e'), point = text.find('.');
    NumberText parts{text.substr(0, std::min(e, point)), point < e ? text.substr(point + 1, e - point - 1) : std::string(), text.substr(e + 1)};
    if (parts.exponent[0] != '-' && parts.exponent[0] != '+') parts.exponent.insert(0, "+");
    return parts;
}

// As few digits as tell x from its neighbours, at most `precision` (no limit below zero) after the point.
template <class T>
NumberText shortest_scientific(T x, int precision) {
    auto parts = split_scientific(scientific_text(x, -1));
    if (precision >= 0 && static_cast<int>(parts.fraction.size()) > precision) parts = split_scientific(scientific_text(x, precision));
    trim_zeros(parts.fraction);
    return parts;
}

template <class T>
NumberText shortest_positional(T x, int precision) {
    auto parts = shortest_scientific(x, -1);
    const std::string sign = parts.whole[0] == '-' ? "-" : "";
    std::string digits = parts.whole.substr(sign.size()) + parts.fraction;
    int exponent = 0;
    std::from_chars(parts.exponent.data() + (parts.exponent[0] == '+'), parts.exponent.data() + parts.exponent.size(), exponent);
    parts.exponent.clear();
    if (exponent < 0) digits.insert(0, static_cast<std::size_t>(-exponent), '0');
    const auto whole = static_cast<std::size_t>(std::max(exponent, 0)) + 1;
    if (digits.size() < whole) digits.append(whole - digits.size(), '0');
    if (precision >= 0 && static_cast<int>(digits.size() - whole) > precision) {  // too long: the exact value, rounded
        char text[most_digits + 400];
        const auto end = std::to_chars(text, text + sizeof text, static_cast<double>(x), std::chars_format::fixed, precision);
        const std::string rounded(text, end.ptr);
        const auto point = rounded.find('.');
        parts.whole = rounded.substr(0, point);
        parts.fraction = point == std::string::npos ? std::string() : rounded.substr(point + 1);
    } else {
        parts.whole = sign + digits.substr(0, whole);
        parts.fraction = digits.substr(whole);
    }
    trim_zeros(parts.fraction);
    return parts;
}

// From here on numbers are scientific: 10 to the number of digits that the type holds for certain.
template <class T>
inline constexpr double scientific_from = std::is_same_v<T, double>  ? 1e15
                                          : std::is_same_v<T, float> ? 1e6
                                                                     : 1e3;

// A number that stands alone: "3.0", "1e-05".
template <class T>
std::string scalar_text(T x) {
    if constexpr (std::is_same_v<T, bool>) {
        return x ? "True" : "False";
    } else if constexpr (std::is_integral_v<T>) {
        return std::to_string(x);
    } else {
        const auto value = static_cast<double>(x), size = std::abs(value);
        if (std::isnan(value)) return "nan";
        if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
        const double limit = std::is_same_v<T, double> ? 1e16 : scientific_from<T>;
        const bool positional = size == 0 || (size >= 1e-4 && size < limit);
        const auto parts = positional ? shortest_positional(x, -1) : shortest_scientific(x, -1);
        if (positional) return parts.whole + "." + (parts.fraction.empty() ? "0" : parts.fraction);
        return parts.whole + (parts.fraction.empty() ? "" : ".") + parts.fraction + "e" + parts.exponent;
    }
}

// How the elements of one tensor are written: all equally wide.
template <class T>
class ElementFormat {
public:
    ElementFormat(const std::vector<T>& shown, int precision) {
        if constexpr (std::is_same_v<T, bool>) {
            left_ = 5;
        } else if constexpr (std::is_integral_v<T>) {
            for (const T x : shown) left_ = std::max(left_, std::to_string(x).size());
        } else {
            fit(shown, precision);
        }
    }

    std::string operator()(T x) const {
        if constexpr (std::is_integral_v<T>) {
            return padded(scalar_text(x), left_);
        } else {
            const auto value = static_cast<double>(x);
            if (std::isnan(value) || std::isinf(value)) return padded(scalar_text(x), left_ + right_ + 1);
            if (scientific_) {
                auto parts = split_scientific(scientific_text(x, precision_));
                parts.exponent.insert(1, exponent_digits_ - (parts.exponent.size() - 1), '0');
                return padded(parts.whole, left_) + "." + parts.fraction + "e" + parts.exponent;
            }
            const auto parts = shortest_positional(x, precision_);
            return padded(parts.whole, left_) + "." + parts.fraction + std::string(right_ - parts.fraction.size(), ' ');
        }
    }

private:
    static std::string padded(const std::string& text, std::size_t width) {
        return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
    }

    void fit(const std::vector<T>& shown, int precision) {
        T least{}, most{};
        bool any = false, other = false, negative_infinity = false;
        for (const T x : shown) {
            const auto value = static_cast<double>(x);
            if (!std::isfinite(value)) {
                other = true;
                negative_infinity = negative_infinity || value < 0;
            } else if (value != 0) {
                const T size = value < 0 ? T(-x) : x;
                if (!any || size < least) least = size;
                if (!any || most < size) most = size;
                any = true;
            }
        }
        const auto limit = [](double value) { return Device::template convert<T>(value); };  // NumPy compares in the array's type, too
        scientific_ = any && (static_cast<double>(most) >= std::min(1e8, scientific_from<T>) || least < limit(1e-4) || T(most / least) > limit(1000));
        precision_ = precision;
        std::size_t fraction = 0;
        bool finite = false;
        for (const T x : shown) {
            if (!std::isfinite(static_cast<double>(x))) continue;
            finite = true;
            const auto parts = scientific_ ? shortest_scientific(x, precision) : shortest_positional(x, precision);
            left_ = std::max(left_, parts.whole.size());
            fraction = std::max(fraction, parts.fraction.size());
            if (scientific_) exponent_digits_ = std::max(exponent_digits_, parts.exponent.size() - 1);
        }
        right_ = scientific_ ? exponent_digits_ + 2 + fraction : fraction;
        if (scientific_) precision_ = static_cast<int>(fraction);
        if (!finite) left_ = right_ = 0;
        const auto room = [&](std::size_t width) { return width > right_ + 1 ? width - right_ - 1 : 0; };
        if (other) left_ = std::max({left_, room(3), room(negative_infinity ? 4 : 3)});
    }

    bool scientific_ = false;
    int precision_ = 0;
    std::size_t left_ = 0, right_ = 0, exponent_digits_ = 0;  // characters before the point and after it
};

// The brackets and lines around the elements.
template <class T>
class TensorText {
public:
    TensorText(const Tensor<T>& x, const PrintOptions& options)
        : x_(x), options_(options), edges_(x.numel() > options.threshold), format_(shown(), options.precision) {}

    std::string operator()() const { return block(x_.data(), 0, " ", options_.line_width); }

private:
    // The indices of dimension d that are shown: all, or `front` and as many at the end.
    index_t front(index_t d) const { return edges_ && x_.shape()[d] > 2 * options_.edge_items ? options_.edge_items : -1; }

    template <class F>
    void for_each_shown(index_t d, const F& body) const {  // body(index), with −1 for the gap
        const index_t n = x_.shape()[d], edge = front(d);
        if (edge < 0) {
            for (index_t i = 0; i < n; ++i) body(i);
        } else {
            for (index_t i = 0; i < edge; ++i) body(i);
            body(index_t{-1});
            for (index_t i = n - edge; i < n; ++i) body(i);
        }
    }

    void collect(std::vector<T>& elements, const T* from, index_t d) const {
        if (d == x_.rank()) return elements.push_back(*from);
        for_each_shown(d, [&](index_t i) {
            if (i >= 0) collect(elements, from + i * x_.strides()[d], d + 1);
        });
    }
    std::vector<T> shown() const {
        std::vector<T> elements;
        collect(elements, x_.data(), 0);
        return elements;
    }

    // Dimension d and those inside it; lines after the first begin with `indent`.
    std::string block(const T* from, index_t d, const std::string& indent, std::size_t width) const {
        std::string text = "[", line = indent;
        const index_t last = x_.shape()[d] - 1;
        const bool row = d == x_.rank() - 1;
        bool first_line = true;
        const auto flush = [&] {  // the first line's indent is where the bracket stands
            text += first_line ? line.substr(indent.size()) : line;
            first_line = false;
        };
        for_each_shown(d, [&](index_t i) {
            if (row) {
                const std::string word = i < 0 ? "..." : format_(from[i * x_.strides()[d]]);
                if (line.size() + word.size() > width - 1 && line.size() > indent.size()) {
                    line.erase(line.find_last_not_of(' ') + 1);
                    flush();
                    text += '\n';
                    line = indent;
                }
                line += word;
                if (i != last) line += ' ';
            } else {
                line = indent + (i < 0 ? "..." : block(from + i * x_.strides()[d], d + 1, indent + ' ', width - 1));
                flush();
                if (i != last) text.append(static_cast<std::size_t>(x_.rank() - d - 1), '\n');
            }
        });
        if (row) flush();
        return text + "]";
    }

    const Tensor<T>& x_;
    const PrintOptions& options_;
    bool edges_;
    ElementFormat<T> format_;
};

}  // namespace detail

/// The tensor as text, as NumPy's str(array). Throws invalid_argument for options outside their range.
template <Element T>
std::string to_string(const Tensor<T>& x, const PrintOptions& options = {}) {
    require(options.precision >= 0 && options.precision <= detail::most_digits && options.edge_items >= 1 && options.line_width >= 16,
            ErrorCode::invalid_argument, "to_string: a precision of ", options.precision, " (0 to ", detail::most_digits, "), ", options.edge_items,
            " edge items (1 or more), lines of ", options.line_width, " characters (16 or more)");
    if (x.rank() == 0) return detail::scalar_text(x.item());
    if (x.numel() == 0) return "[]";
    return detail::TensorText<T>(x, options)();
}

template <Element T>
std::ostream& operator<<(std::ostream& out, const Tensor<T>& x) {
    return out << to_string(x);
}

}  // namespace tercet::inline TERCET_ABI
