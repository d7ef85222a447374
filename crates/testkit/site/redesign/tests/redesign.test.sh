holds "the headline promises a berth" grep -q 'A berth for tonight' web/index.html
holds "both colour schemes are drawn" grep -q 'light-dark(' web/style.css
holds "every field has a label" sh -c '[ "$(grep -c "<input" web/index.html)" = "$(grep -c "<label>.*<input" web/index.html)" ]'
holds "no picture comes from elsewhere" sh -c '! grep -q "src=\"http" web/index.html'
