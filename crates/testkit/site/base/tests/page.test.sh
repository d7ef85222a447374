for harbour in Marstal Svaneke Christiansø Troense; do
  holds "the page names $harbour" grep -q "$harbour" web/index.html
done
holds "the page loads its style" grep -q 'href="style.css"' web/index.html
holds "the page says its language" grep -q '<html lang="en">' web/index.html
