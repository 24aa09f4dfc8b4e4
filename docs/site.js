// Formulas, where the page shows them: $$…$$ on lines of their own and $…$ within one.
document.addEventListener("DOMContentLoaded", () => {
  if (window.renderMathInElement)
    renderMathInElement(document.body, { delimiters: [{ left: "$$", right: "$$", display: true }, { left: "$", right: "$", display: false }], throwOnError: false });
});
