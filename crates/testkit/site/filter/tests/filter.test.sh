holds "the wish is read from the address" grep -q 'URLSearchParams(location.search).get("where")' web/app.js
holds "an unknown name shows every harbour" grep -q 'here are all of them' web/app.js
