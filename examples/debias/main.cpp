// How near does a sentence encoder put women to the family and men to a career (Caliskan et al. 2017, table 1, in words of our own), and what is left
// of it when the direction in which the two differ is taken out (Bolukbasi et al. 2016)?
//
//   debias MODEL [LISTS]        MODEL: a directory with a sentence encoder, as all-MiniLM-L6-v2
//
// LISTS: four lines of words with spaces between: two sets of targets, then the attributes that each is suspected to lie near.
#include <tercet/data/text_file.hpp>
#include <tercet/generate/load.hpp>
#include <tercet/metrics/bias.hpp>
#include <tercet/train/debias.hpp>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <sstream>

using namespace tercet;

namespace {

using Lists = std::vector<std::vector<std::string>>;

Lists read_lists(const std::string& file) {
    Lists lists;
    for (const auto& line : read_utf8_lines(file)) {
        std::istringstream words(line);
        lists.emplace_back(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>());
    }
    require(lists.size() == 4, ErrorCode::invalid_argument, file, ": four lines of words are needed, not ", lists.size());
    return lists;
}

void show(const char* when, const std::vector<Tensor<float>>& sets) {
    const auto rows = [](const Tensor<float>& x) {
        std::vector<EmbeddingRow> out;
        for (index_t i = 0; i < x.size(0); ++i)
            out.push_back(x.span().subspan(static_cast<std::size_t>(i * x.size(1)), static_cast<std::size_t>(x.size(1))));
        return out;
    };
    const auto test = word_embedding_association(rows(sets[0]), rows(sets[1]), rows(sets[2]), rows(sets[3]));
    std::printf("%-22s effect %5.2f standard deviations, p = %.4f\n", when, test.effect_size, test.p);
}

void run(const std::string& model, const Lists& lists) {
    const auto encoder = load_text_encoder(model);
    std::vector<Tensor<float>> sets;
    for (const auto& words : lists) sets.push_back(normalise_rows(encoder.embed(words)));
    show("as it is:", sets);

    // The direction in which the pairs of targets differ, out of all words.
    const index_t pairs = std::min(sets[0].size(0), sets[1].size(0));
    const auto direction = difference_direction(sets[0].slice(0, 0, pairs).contiguous(), sets[1].slice(0, 0, pairs).contiguous());
    for (auto& set : sets) set = normalise_rows(without_direction(set, direction));
    show("without the direction:", sets);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: debias MODEL [LISTS]\n";
        return 2;
    }
    const Lists own{{"she", "woman", "mother", "daughter", "sister", "aunt"},
                    {"he", "man", "father", "son", "brother", "uncle"},
                    {"home", "family", "children", "wedding", "kitchen", "nursery"},
                    {"office", "salary", "career", "business", "manager", "engineer"}};
    try {
        run(argv[1], argc > 2 ? read_lists(argv[2]) : own);
    } catch (const std::exception& error) {
        std::cerr << "debias: " << error.what() << '\n';
        return 1;
    }
}
