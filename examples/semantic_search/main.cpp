// Finds the lines of a file whose meaning is nearest to a question's, whatever words they use (Reimers & Gurevych 2019). Questions come from standard
// input, a line each.
//
//   semantic_search MODEL LINES [COUNT]        MODEL: a directory with a sentence encoder, as all-MiniLM-L6-v2
#include <tercet/tercet.hpp>

#include <cstdio>
#include <iostream>

using namespace tercet;

namespace {

void search(const std::string& model, const std::string& file, index_t count) {
    const auto encoder = load_text_encoder(model);
    const auto lines = read_utf8_lines(file);
    require(!lines.empty(), ErrorCode::invalid_argument, file, ": there are no lines");
    const auto embeddings = normalise_rows(encoder.embed(lines));  // (lines, C)
    std::cerr << lines.size() << " lines; ask:" << std::endl;
    for (std::string question; std::getline(std::cin, question);) {
        // Of vectors of unit length the cosine is the product: one product with all lines at once.
        const auto cosines = matmul(embeddings, normalise_rows(encoder.embed(question)).reshape({-1, 1})).reshape({-1});
        const auto [nearest, places] = topk(cosines, std::min(count, cosines.numel()));
        for (index_t i = 0; i < nearest.numel(); ++i)
            std::printf("%5.2f  %s\n", static_cast<double>(nearest(i)), lines[static_cast<std::size_t>(places(i))].c_str());
        std::printf("\n");
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "usage: semantic_search MODEL LINES [COUNT]\n";
        return 2;
    }
    try {
        search(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 5);
    } catch (const std::exception& error) {
        std::cerr << "semantic_search: " << error.what() << '\n';
        return 1;
    }
}
