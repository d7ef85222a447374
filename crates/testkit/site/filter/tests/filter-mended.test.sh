holds "the wish is read from the address" grep -q 'URLSearchParams(location.search).get("where")' web/app.js
holds "an unknown name shows every harbour" grep -q 'here are all of them' web/app.js
holds "what a guest typed is never read as markup" sh -c '! grep -q innerHTML web/app.js'
