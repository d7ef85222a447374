prints 1260 sh bin/price 8 6
prints 1260 sh bin/price 8 7
prints 3600 sh bin/price 12 14
